//! Taking steps that end things: nothing is undone, and one that fails keeps no other.

use std::collections::BTreeSet;
use std::thread;

use super::event::{Events, Happened, tell};
use crate::error::{Left, LeftState, StepError};
use crate::work::{Act, Step, Work};
use crate::world::World;

/// Most things that are ended at once.
const MOST_AT_ONCE: usize = 16;

/// Takes the steps of a [`down`](crate::down()), those that wait for none first and at the same time; what is still there.
pub fn end(world: &dyn World, project: &str, work: &Work, events: &dyn Events) -> Vec<Left> {
    let mut left = Vec::new();
    let mut done: BTreeSet<usize> = BTreeSet::new();
    while done.len() < work.steps.len() {
        let is_free = |step: &&Step| {
            !done.contains(&step.number) && step.after.iter().all(|after| done.contains(&after.step))
        };
        let wave: Vec<&Step> = work.steps.iter().filter(is_free).collect();
        if wave.is_empty() {
            break;
        }
        done.extend(wave.iter().map(|step| step.number));
        left.extend(at_once(world, project, wave.into_iter().map(|step| &step.act), events));
    }
    let (sandboxes, others): (Vec<&Act>, Vec<&Act>) =
        work.tidy.iter().partition(|act| matches!(act, Act::Remove { .. }));
    left.extend(at_once(world, project, sandboxes.into_iter(), events));
    left.extend(others.into_iter().filter_map(|act| one(world, project, act, events)));
    left
}

fn at_once<'a>(
    world: &dyn World,
    project: &str,
    acts: impl Iterator<Item = &'a Act>,
    events: &dyn Events,
) -> Vec<Left> {
    let acts: Vec<&Act> = acts.collect();
    let mut left = Vec::new();
    for some in acts.chunks(MOST_AT_ONCE) {
        left.extend(thread::scope(|scope| {
            let each = some.iter().map(|act| {
                let begun = thread::Builder::new().spawn_scoped(scope, || one(world, project, act, events));
                (act, begun)
            });
            let each: Vec<_> = each.collect();
            let broken = |act: &Act| {
                Some(Left { what: act.to_string(), why: "it broke off".to_owned(), state: LeftState::Wrong })
            };
            let ended = each.into_iter().map(|(act, begun)| match begun {
                Ok(end) => end.join().unwrap_or_else(|_| broken(act)),
                // There was no thread to be had.
                Err(_) => one(world, project, act, events),
            });
            ended.flatten().collect::<Vec<Left>>()
        }));
    }
    left
}

fn one(world: &dyn World, project: &str, act: &Act, events: &dyn Events) -> Option<Left> {
    tell(events, act, Happened::Begun);
    let done = match act {
        Act::Stop { id, how, .. } => world.stop(id, *how),
        Act::Remove { id, .. } => world.remove(id),
        Act::RemoveNetwork { key, called } => world.remove_network(project, key, called.as_deref()),
        Act::RemoveVolume { key } => world.remove_volume(project, key),
        Act::CreateNetwork(_)
        | Act::ReplaceNetwork { .. }
        | Act::CreateVolume(_)
        | Act::Keep { .. }
        | Act::SetAside { .. }
        | Act::Start { .. }
        | Act::StartAgain { .. }
        | Act::GoOn { .. } => Err(StepError::Failed("it ends nothing".to_owned())),
    };
    let error = match done {
        Ok(()) => {
            tell(events, act, Happened::Done);
            return None;
        }
        Err(error) => error.to_string(),
    };
    tell(events, act, Happened::Failed(error.clone()));
    Some(Left { what: act.to_string(), why: error, state: LeftState::Wrong })
}
