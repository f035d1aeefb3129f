//! Undoing what a run has begun, the latest first: by this run, or by another after it was killed.

use super::ending::stop_heeding;
use super::event::{Events, Happened, tell};
use super::run::Course;
use crate::desired::{NetworkUnit, Project};
use crate::error::{Left, StepError};
use crate::interrupt::Interrupt;
use crate::journal::{Undo, Unfinished};
use crate::world::{Condition, Replica, SeenResource, World};

/// Undoes a run that failed.
pub(super) fn all(course: &Course<'_>) -> Vec<Left> {
    let began = course.journal.began();
    let left = some(course, &began);
    if left.is_empty() && course.journal.end().is_err() {
        let why = "what was undone could not be written down".to_owned();
        return vec![Left { what: "the journal".to_owned(), why }];
    }
    left
}

/// Undoes a part of what a run has begun.
pub(super) fn some(course: &Course<'_>, part: &Unfinished) -> Vec<Left> {
    let (world, interrupt) = (course.world, course.conditions.interrupt);
    Undoing { world, project: &course.desired.project.name, interrupt }.take(part, course.events)
}

/// Undoes a run that was killed.
pub fn finish_undo(
    world: &dyn World,
    project: &str,
    left: &Unfinished,
    interrupt: &Interrupt,
    events: &dyn Events,
) -> Vec<Left> {
    Undoing { world, project, interrupt }.take(left, events)
}

struct Undoing<'a> {
    world: &'a dyn World,
    project: &'a str,
    interrupt: &'a Interrupt,
}

impl Undoing<'_> {
    /// One that fails keeps no other from being tried.
    fn take(&self, left: &Unfinished, events: &dyn Events) -> Vec<Left> {
        let mut still = Vec::new();
        for undo in &left.undo {
            let what = words(undo);
            match self.one(&left.run, undo) {
                Ok(()) => tell(events, &what, Happened::Undone),
                Err(error) => {
                    tell(events, &what, Happened::Failed(error.to_string()));
                    still.push(Left { what, why: error.to_string() });
                }
            }
        }
        still
    }

    fn one(&self, run: &str, undo: &Undo) -> Result<(), StepError> {
        match undo {
            Undo::RemoveNetwork { key } => {
                let seen = self.world.seen(self.project)?.networks;
                seen.iter()
                    .find(|one| one.key == *key && one.run == run)
                    .map_or(Ok(()), |one| self.remove(one))
            }
            Undo::NetworkAgain { key, called, subnet, gateway, range, origin, run: before } => {
                let seen = self.world.seen(self.project)?.networks;
                let there = seen.iter().find(|one| one.key == *key);
                if there.is_some_and(|one| one.run != run) {
                    return Ok(());
                }
                there.map_or(Ok(()), |one| self.remove(one))?;
                let project = Project { name: self.project.to_owned(), origin: origin.clone() };
                let (key, called, subnet) = (key.clone(), called.clone(), subnet.clone());
                let (gateway, range) = (gateway.clone(), range.clone());
                let network = NetworkUnit { key, called, subnet, gateway, range };
                self.world.create_network(&project, before, &network)
            }
            Undo::RemoveVolume { key } => {
                let seen = self.world.seen(self.project)?.volumes;
                let made = seen.iter().any(|one| one.key == *key && one.run == run);
                if made { self.world.remove_volume(self.project, key) } else { Ok(()) }
            }
            Undo::RemoveReplica { service, replica } => {
                let seen = self.world.seen(self.project)?.replicas.into_iter();
                let mut made = seen.filter(|one| {
                    one.member.run == run && one.member.service == *service && one.member.replica == *replica
                });
                made.try_for_each(|one| {
                    self.end(&one)?;
                    self.world.remove(&one.id)
                })
            }
            // Whoever was removed meanwhile has nothing to be undone.
            Undo::StartAgain { id, service } => match self.world.look(id)? {
                None | Some(Condition::Running(_) | Condition::Restarted(_)) => Ok(()),
                Some(Condition::Created | Condition::Exited(_) | Condition::Lost(_)) => {
                    self.world.start_again(id, service)
                }
            },
            Undo::StopAgain { id } => {
                let seen = self.world.seen(self.project)?.replicas;
                seen.iter().filter(|one| one.id == *id).try_for_each(|one| self.end(one))
            }
            Undo::NameBack { id, name } => self.world.rename(id, name),
        }
    }

    fn remove(&self, network: &SeenResource) -> Result<(), StepError> {
        self.world.remove_network(self.project, &network.key, network.called.as_deref())
    }

    fn end(&self, one: &Replica) -> Result<(), StepError> {
        if one.condition.is_running() {
            return stop_heeding(self.world, &one.id, one.member.stop_how(), self.interrupt);
        }
        Ok(())
    }
}

fn words(undo: &Undo) -> String {
    match undo {
        Undo::RemoveNetwork { key } => format!("network {key}"),
        Undo::NetworkAgain { key, .. } => format!("network {key} as it was before"),
        Undo::RemoveVolume { key } => format!("volume {key}"),
        Undo::RemoveReplica { service, replica } => format!("{service} {replica}"),
        Undo::StartAgain { service, .. } => format!("{service} as it ran before"),
        Undo::StopAgain { id } => format!("sandbox {id}"),
        Undo::NameBack { name, .. } => format!("the name {name}"),
    }
}
