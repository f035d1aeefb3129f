//! Ending projects, starting them again, and undoing runs that were killed: by name, whoever described them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::look::Look;
use super::place::{PATIENCE, Site, no_secrets, run_id, seen};
use super::raise::RaiseError;
use crate::desired::{Desired, Project};
use crate::error::{EngineError, Left};
use crate::execute::{Events, Options, end, finish_undo, run};
use crate::interrupt::Interrupt;
use crate::machine::SecretSource;
use crate::reconcile::{Again, Down, down, restart, start, stop};
use crate::work::Work;
use crate::world::Seen;

/// Whether what is there is ended first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anew {
    /// What runs is kept.
    Ended,
    /// What runs is ended first, and given so long if that is said.
    All(Option<Duration>),
}

/// What an end came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ended {
    /// How many sandboxes, networks and volumes there were to end or remove.
    pub counts: [usize; 3],
    /// What is still there.
    pub left: Vec<Left>,
}

impl Site<'_> {
    /// Ends a project and removes what it has. There is none: nothing is done.
    ///
    /// # Errors
    /// Another run has it, it is another origin's, or it cannot be looked at.
    pub fn down(
        &self,
        project: &str,
        origin: Option<&String>,
        how: &Down,
        events: &dyn Events,
    ) -> Result<Ended, EngineError> {
        let look = Look::for_project(self.pipeline(), self.projects(), project)?;
        let machine = look.machine(self.pipeline(), &no_secrets)?;
        let held = self.projects().hold(project, "down", PATIENCE)?;
        let seen = seen(&machine, project)?;
        seen.refuse_others(project, origin)?;
        if how.services.is_some() {
            held.refuse_unfinished()?;
        }
        let work = down(&seen, how);
        let left = end(&machine, project, &work, events);
        if left.is_empty() && how.services.is_none() {
            // All that a run that was killed could have left is gone.
            held.settle()?;
        }
        Ok(Ended { counts: work.counts(), left })
    }

    /// Ends what runs of a project, and removes nothing.
    ///
    /// # Errors
    /// As [`Site::down`].
    pub fn stop(
        &self,
        project: &str,
        services: Option<&BTreeSet<String>>,
        grace: Option<Duration>,
        events: &dyn Events,
    ) -> Result<Ended, EngineError> {
        let look = Look::at_own(self.pipeline());
        let machine = look.machine(self.pipeline(), &no_secrets)?;
        let held = self.projects().hold(project, "stop", PATIENCE)?;
        let seen = seen(&machine, project)?;
        seen.refuse_others(project, None)?;
        let work = stop(&seen, services, grace);
        let left = end(&machine, project, &work, events);
        drop(held);
        Ok(Ended { counts: [work.steps.len(), 0, 0], left })
    }

    /// Starts what there is of a project again; what fails is undone. How many sandboxes that is about.
    ///
    /// # Errors
    /// See [`RaiseError`].
    pub fn start_again(
        &self,
        project: &str,
        (again, anew): (&Again, Anew),
        (secrets, interrupt): (&SecretSource<'_>, &Interrupt),
        events: &dyn Events,
    ) -> Result<usize, RaiseError> {
        let look = Look::at_own(self.pipeline());
        let machine = look.machine(self.pipeline(), secrets)?;
        let held = self.projects().hold(project, "start", PATIENCE)?;
        let seen = seen(&machine, project)?;
        seen.refuse_others(project, None)?;
        let work = match anew {
            Anew::Ended => start(&seen, again),
            Anew::All(grace) => restart(&seen, again, grace),
        };
        has_values(&seen, &work, secrets)?;
        if work.steps.is_empty() {
            return Ok(0);
        }
        let journal = held.begin(&run_id()?)?;
        let origin = seen.replicas.first().map(|one| one.member.origin.clone()).unwrap_or_default();
        let desired = Desired::nothing(Project { name: project.to_owned(), origin });
        run(&machine, &desired, &work, &journal, (Options::default(), interrupt), events)?;
        Ok(work.steps.len())
    }

    /// Undoes what a run had begun that was killed; nothing: the last run came to its end.
    ///
    /// # Errors
    /// As [`Site::down`].
    pub fn recover(
        &self,
        project: &str,
        (secrets, interrupt): (&SecretSource<'_>, &Interrupt),
        events: &dyn Events,
    ) -> Result<Option<Vec<Left>>, EngineError> {
        let held = self.projects().hold(project, "recover", PATIENCE)?;
        let Some(unfinished) = held.unfinished()? else { return Ok(None) };
        let look = Look::for_project(self.pipeline(), self.projects(), project)?;
        let machine = look.machine(self.pipeline(), secrets)?;
        seen(&machine, project)?.refuse_others(project, None)?;
        let left = finish_undo(&machine, project, &unfinished, interrupt, events);
        if left.is_empty() {
            held.settle()?;
        }
        Ok(Some(left))
    }
}

/// Nothing is ended that could not be started again.
fn has_values(seen: &Seen, work: &Work, secrets: &SecretSource<'_>) -> Result<(), RaiseError> {
    let starts = work.starts_again();
    let started = seen.replicas.iter().filter(|one| starts.contains(one.id.as_str()));
    let mut given = started.map(|one| &one.member).filter(|member| member.secrets);
    given.try_for_each(|member| secrets(&member.service).map(drop).map_err(RaiseError::Secret))
}
