//! Undoing what a run has begun, the latest first: by this run, or by another after it was killed.

use std::time::Duration;

use super::ending::stop_heeding;
use super::event::{Events, Happened, tell};
use super::pool::Taken;
use super::run::Course;
use crate::desired::{NetworkUnit, Project};
use crate::error::{Left, LeftState, StepError};
use crate::interrupt::Interrupt;
use crate::journal::{Undo, Unfinished};
use crate::world::{Condition, Replica, SeenResource, World};

/// Undoes a run that failed.
pub(super) fn all(course: &Course<'_>, taken: &Taken) -> Vec<Left> {
    let began = course.journal.began();
    let left = some(course, &began, taken);
    if left.is_empty() && course.journal.end().is_err() {
        let why = "what was undone could not be written down".to_owned();
        return vec![Left { what: "the journal".to_owned(), why, state: LeftState::Wrong }];
    }
    left
}

/// Undoes a part of what a run has begun.
pub(super) fn some(course: &Course<'_>, part: &Unfinished, taken: &Taken) -> Vec<Left> {
    let (world, interrupt) = (course.world, course.conditions.interrupt);
    let late = if taken.has_unanswered() { world.lateness() } else { Duration::ZERO };
    Undoing { world, project: &course.desired.project.name, interrupt, late }.take(part, course.events)
}

/// Undoes a run that was killed.
pub fn finish_undo(
    world: &dyn World,
    project: &str,
    left: &Unfinished,
    interrupt: &Interrupt,
    events: &dyn Events,
) -> Vec<Left> {
    // Whoever was killed had asked for something perhaps, and heard of it no more.
    Undoing { world, project, interrupt, late: world.lateness() }.take(left, events)
}

struct Undoing<'a> {
    world: &'a dyn World,
    project: &'a str,
    interrupt: &'a Interrupt,
    /// How long something may still be made that was asked for.
    late: Duration,
}

/// What undoing found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// Nothing is there any more of what this run has done.
    Undone,
    /// It was not there.
    Absent,
}

impl Undoing<'_> {
    /// One that fails keeps no other from being tried.
    fn take(&self, left: &Unfinished, events: &dyn Events) -> Vec<Left> {
        let (mut still, mut absent) = (Vec::new(), Vec::new());
        for undo in &left.undo {
            let found = self.told(&left.run, undo, events);
            absent.extend(found.iter().filter(|found| **found == Found::Absent).map(|_| undo));
            still.extend(found.err());
        }
        if !absent.is_empty() && !self.late.is_zero() {
            std::thread::sleep(self.late);
            still.extend(absent.into_iter().filter_map(|undo| self.told(&left.run, undo, events).err()));
        }
        still
    }

    fn told(&self, run: &str, undo: &Undo, events: &dyn Events) -> Result<Found, Left> {
        let what = words(undo);
        match self.one(run, undo) {
            Ok(found) => {
                tell(events, &what, Happened::Undone);
                Ok(found)
            }
            Err(error) => {
                tell(events, &what, Happened::Failed(error.to_string()));
                let stays_stopped = matches!(undo, Undo::StartAgain { .. });
                let state = if stays_stopped { LeftState::Stopped } else { LeftState::Wrong };
                Err(Left { what, why: error.to_string(), state })
            }
        }
    }

    fn one(&self, run: &str, undo: &Undo) -> Result<Found, StepError> {
        let done = match undo {
            Undo::RemoveNetwork { key, called } => {
                let seen = self.world.seen(self.project)?.networks;
                let there = seen.iter().find(|one| one.key == *key);
                let called = called.as_deref();
                return removed(run, there, || self.world.remove_network(self.project, key, called));
            }
            Undo::RemoveVolume { key } => {
                let seen = self.world.seen(self.project)?.volumes;
                let there = seen.iter().find(|one| one.key == *key);
                return removed(run, there, || self.world.remove_volume(self.project, key));
            }
            Undo::NetworkAgain { key, called, subnet, gateway, range, origin, run: before } => {
                let project = Project { name: self.project.to_owned(), origin: origin.clone() };
                let (key, called, subnet) = (key.clone(), called.clone(), subnet.clone());
                let (gateway, range) = (gateway.clone(), range.clone());
                let network = NetworkUnit { key, called, subnet, gateway, range };
                return self.network_again(run, &network, (&project, before));
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
            Undo::PauseAgain { id } => self.world.pause(id),
            Undo::NameBack { id, name } => self.world.rename(id, name),
        };
        done.map(|()| Found::Undone)
    }

    /// Makes a network again as it was, in the place of this run's. Where none of this run's is there it may be made yet.
    fn network_again(
        &self,
        run: &str,
        network: &NetworkUnit,
        (project, before): (&Project, &str),
    ) -> Result<Found, StepError> {
        let seen = self.world.seen(self.project)?.networks;
        let (made, others): (Vec<_>, Vec<_>) =
            seen.iter().filter(|one| one.key == network.key).partition(|one| one.run == run);
        for one in &made {
            self.world.remove_network(self.project, &one.key, one.called.as_deref())?;
        }
        if others.is_empty() {
            self.world.create_network(project, before, network)?;
        }
        Ok(if made.is_empty() { Found::Absent } else { Found::Undone })
    }

    fn end(&self, one: &Replica) -> Result<(), StepError> {
        if one.condition.is_running() {
            return stop_heeding(self.world, &one.id, one.member.stop_how(), self.interrupt);
        }
        Ok(())
    }
}

/// Removes what this run has made. Of what is not there something may have been begun.
fn removed(
    run: &str,
    there: Option<&SeenResource>,
    remove: impl FnOnce() -> Result<(), StepError>,
) -> Result<Found, StepError> {
    match there {
        Some(one) if one.run != run => Ok(Found::Undone),
        Some(_) => remove().map(|()| Found::Undone),
        None => remove().map(|()| Found::Absent),
    }
}

fn words(undo: &Undo) -> String {
    match undo {
        Undo::RemoveNetwork { key, .. } => format!("network {key}"),
        Undo::NetworkAgain { key, .. } => format!("network {key} as it was before"),
        Undo::RemoveVolume { key } => format!("volume {key}"),
        Undo::RemoveReplica { service, replica } => format!("{service} {replica}"),
        Undo::StartAgain { service, .. } => format!("{service} as it ran before"),
        Undo::StopAgain { id } => format!("sandbox {id}"),
        Undo::PauseAgain { id } => format!("sandbox {id} as it was paused before"),
        Undo::NameBack { name, .. } => format!("the name {name}"),
    }
}
