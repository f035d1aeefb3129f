//! Who takes which step when.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::conditions::Wanted;
use super::ending::stop_heeding;
use super::event::{Happened, tell};
use super::run::Course;
use crate::error::StepError;
use crate::journal::Undo;
use crate::work::{Act, Step};

/// Workers that take steps as soon as what these wait for is done.
pub(super) struct Pool<'a> {
    course: &'a Course<'a>,
    steps: &'a [Step],
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Steps that somebody has taken, by their places.
    taken: BTreeSet<usize>,
    /// How far each step is.
    progress: Vec<Progress>,
    failed: Option<(String, StepError)>,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Progress {
    Open,
    /// Done, and what it has started.
    Done(Option<String>),
    Failed(StepError),
    /// Not taken, because the step of this number was not done.
    Skipped(usize),
}

/// What came of it.
pub(super) struct Taken {
    /// How far each step came.
    pub(super) progress: Vec<Progress>,
    /// The step that failed first, in words, and why.
    pub(super) failed: Option<(String, StepError)>,
}

impl Taken {
    /// What the step of this number has started.
    pub(super) fn id(&self, number: usize) -> Option<&String> {
        match number.checked_sub(1).and_then(|place| self.progress.get(place))? {
            Progress::Done(id) => id.as_ref(),
            Progress::Open | Progress::Failed(_) | Progress::Skipped(_) => None,
        }
    }

    /// Whether somebody was asked for something and did not answer.
    pub(super) fn has_unanswered(&self) -> bool {
        let is_unanswered = |one: &Progress| matches!(one, Progress::Failed(StepError::Unanswered(_)));
        self.progress.iter().any(is_unanswered)
    }

    /// A step that was done turns out to have failed.
    pub(super) fn fail(&mut self, step: &Step, error: StepError) {
        if self.failed.is_none() {
            self.failed = Some((step.act.to_string(), error.clone()));
        }
        if let Some(slot) = step.number.checked_sub(1).and_then(|place| self.progress.get_mut(place)) {
            *slot = Progress::Failed(error);
        }
    }
}

impl<'a> Pool<'a> {
    pub(super) fn new(course: &'a Course<'a>, steps: &'a [Step]) -> Self {
        let state = State { progress: vec![Progress::Open; steps.len()], ..State::default() };
        Self { course, steps, state: Mutex::new(state), changed: Condvar::new() }
    }

    pub(super) fn run(self, parallel: usize) -> Taken {
        let workers = self.steps.len().min(parallel.max(1));
        thread::scope(|scope| {
            // This thread is one of them: what has begun is gone on with, however few threads there are to be had.
            for _ in 1..workers {
                if thread::Builder::new().spawn_scoped(scope, || self.work()).is_err() {
                    break;
                }
            }
            self.work();
        });
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A worker that broke off has said nothing, and nothing is no success.
        let is_whole = !state.progress.contains(&Progress::Open);
        let broken = || ("a step".to_owned(), StepError::Failed("it broke off".to_owned()));
        let failed = state.failed.or_else(|| (!is_whole).then(broken));
        Taken { progress: state.progress, failed }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some((place, step)) = self.next() {
            let outcome = self.take(step);
            let mut state = self.state();
            let progress = match outcome {
                Ok(id) => {
                    tell(self.course.events, &step.act, Happened::Done);
                    Progress::Done(id)
                }
                Err(error) => {
                    tell(self.course.events, &step.act, Happened::Failed(error.to_string()));
                    // Those that are broken off because of the first would hide why.
                    if state.failed.is_none() {
                        state.failed = Some((step.act.to_string(), error.clone()));
                    }
                    Progress::Failed(error)
                }
            };
            if let Some(slot) = state.progress.get_mut(place) {
                *slot = progress;
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// The next step that can be taken; nothing when there is none any more.
    fn next(&self) -> Option<(usize, &'a Step)> {
        let mut state = self.state();
        loop {
            if state.failed.is_some() && !self.course.goes_on() {
                return None;
            }
            if self.skip(&mut state) {
                self.changed.notify_all();
            }
            if state.taken.len() == self.steps.len() {
                return None;
            }
            let is_done = |number: usize| {
                let progress = number.checked_sub(1).and_then(|place| state.progress.get(place));
                progress.is_some_and(|progress| *progress != Progress::Open)
            };
            let free = self.steps.iter().enumerate().find(|(place, step)| {
                !state.taken.contains(place) && step.after.iter().all(|after| is_done(after.step))
            });
            if let Some((place, step)) = free {
                state.taken.insert(place);
                return Some((place, step));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Passes over all steps that need one that was not done; whether there were any.
    fn skip(&self, state: &mut State) -> bool {
        let before = state.taken.len();
        // Nothing to look for as long as nothing has failed. Steps wait for smaller ones only: once over them is enough.
        for (place, step) in self.steps.iter().enumerate().filter(|_| state.failed.is_some()) {
            let is_lost = |number: usize| {
                let progress = number.checked_sub(1).and_then(|place| state.progress.get(place));
                matches!(progress, Some(Progress::Failed(_) | Progress::Skipped(_)))
            };
            if state.taken.contains(&place) {
                continue;
            }
            let lost = step.after.iter().find(|after| after.required && is_lost(after.step));
            if let (Some(lost), Some(slot)) = (lost, state.progress.get_mut(place)) {
                *slot = Progress::Skipped(lost.step);
                state.taken.insert(place);
            }
        }
        state.taken.len() > before
    }

    /// Whether nobody needs any more what is waited for.
    fn is_over(&self) -> bool {
        !self.course.goes_on() && self.state().failed.is_some()
    }

    /// Takes a step: waits, writes down what would undo it, and does it.
    fn take(&self, step: &Step) -> Result<Option<String>, StepError> {
        self.wait(step)?;
        if self.course.conditions.interrupt.is_asked() {
            return Err(StepError::Interrupted);
        }
        tell(self.course.events, &step.act, Happened::Begun);
        if let Some(undo) = undo_of(self.course, &step.act) {
            self.course.journal.about_to(undo).map_err(|error| StepError::Failed(error.to_string()))?;
        }
        act(self.course, &step.act)
    }

    fn wait(&self, step: &Step) -> Result<(), StepError> {
        // One time for all that this step waits for.
        let deadline = self.course.conditions.deadline();
        for after in &step.after {
            let place = after.step.saturating_sub(1);
            let started = self.state().progress.get(place).cloned();
            let (Some(Progress::Done(Some(id))), Some(other)) = (started, self.steps.get(place)) else {
                continue;
            };
            let wanted = Wanted::Until(after.until);
            let other = name(&other.act);
            if wanted != Wanted::Until(crate::Until::Started) {
                tell(self.course.events, &step.act, Happened::Waits);
            }
            match self.course.conditions.wait(other, &id, wanted, deadline, &|| self.is_over()) {
                Ok(_) => {}
                Err(error @ StepError::Condition { .. }) if !after.required => {
                    tell(self.course.events, &step.act, Happened::Warned(error.to_string()));
                }
                Err(error) => return Err(error),
            }
            if self.is_over() {
                return Err(StepError::Interrupted);
            }
        }
        Ok(())
    }
}

/// The name of what it is about.
pub(super) fn name(act: &Act) -> &str {
    match act {
        Act::Keep { name, .. }
        | Act::Stop { name, .. }
        | Act::SetAside { name, .. }
        | Act::Start { name, .. }
        | Act::StartAgain { name, .. }
        | Act::GoOn { name, .. }
        | Act::Remove { name, .. } => name,
        Act::CreateNetwork(network) | Act::ReplaceNetwork { network, .. } => &network.key,
        Act::CreateVolume(volume) => &volume.key,
        Act::RemoveNetwork { key, .. } | Act::RemoveVolume { key } => key,
    }
}

/// What would undo it; nothing where nothing is changed, or what is gone is not missed.
fn undo_of(course: &Course<'_>, act: &Act) -> Option<Undo> {
    Some(match act {
        Act::CreateNetwork(network) => {
            Undo::RemoveNetwork { key: network.key.clone(), called: network.called.clone() }
        }
        Act::ReplaceNetwork { was, .. } => Undo::NetworkAgain {
            key: was.key.clone(),
            called: was.called.clone(),
            subnet: was.subnets.first().cloned(),
            gateway: was.gateway.clone(),
            range: was.range.clone(),
            origin: was.origin.clone(),
            run: was.run.clone(),
        },
        Act::CreateVolume(volume) => Undo::RemoveVolume { key: volume.key.clone() },
        Act::Stop { id, service, .. } => Undo::StartAgain { id: id.clone(), service: service.clone() },
        Act::SetAside { id, name, .. } => Undo::NameBack { id: id.clone(), name: name.clone() },
        Act::Start { unit, .. } => {
            let unit = course.desired.units.get(*unit)?;
            Undo::RemoveReplica { service: unit.service.clone(), replica: unit.replica }
        }
        Act::StartAgain { id, .. } => Undo::StopAgain { id: id.clone() },
        Act::GoOn { id, .. } => Undo::PauseAgain { id: id.clone() },
        Act::Keep { .. } | Act::Remove { .. } | Act::RemoveNetwork { .. } | Act::RemoveVolume { .. } => {
            return None;
        }
    })
}

/// Does it; the sandbox that runs then.
pub(super) fn act(course: &Course<'_>, act: &Act) -> Result<Option<String>, StepError> {
    let (world, project, run) = (course.world, &course.desired.project, course.journal.run());
    match act {
        Act::CreateNetwork(network) => world.create_network(project, run, network)?,
        Act::ReplaceNetwork { network, was } => {
            world.remove_network(&project.name, &was.key, was.called.as_deref())?;
            world.create_network(project, run, network)?;
        }
        Act::CreateVolume(volume) => world.create_volume(project, run, volume)?,
        Act::Keep { id, .. } => return Ok(Some(id.clone())),
        Act::Stop { id, how, .. } => stop_heeding(world, id, *how, course.conditions.interrupt)?,
        Act::SetAside { id, aside, .. } => world.rename(id, aside)?,
        Act::Start { unit, name, .. } => {
            let missing = || StepError::Failed(format!("{name} is not in the plan"));
            let unit = course.desired.units.get(*unit).ok_or_else(missing)?;
            return world.start(unit, &unit.member(course.desired, run)).map(Some);
        }
        Act::StartAgain { id, service, .. } => {
            world.start_again(id, service)?;
            return Ok(Some(id.clone()));
        }
        Act::GoOn { id, .. } => {
            world.go_on(id)?;
            return Ok(Some(id.clone()));
        }
        Act::Remove { id, .. } => world.remove(id)?,
        Act::RemoveNetwork { key, called } => world.remove_network(&project.name, key, called.as_deref())?,
        Act::RemoveVolume { key } => world.remove_volume(&project.name, key)?,
    }
    Ok(None)
}
