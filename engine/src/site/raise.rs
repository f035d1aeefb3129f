//! Bringing a project up, from what is to be to what is.

use std::collections::BTreeSet;
use std::time::Duration;

use thiserror::Error;

use super::look::Look;
use super::place::{Site, no_secrets, run_id, seen};
use crate::desired::Desired;
use crate::error::{EngineError, UpError};
use crate::execute::{Events, Options, run};
use crate::interrupt::Interrupt;
use crate::machine::{Machine, SecretSource};
use crate::project::Remembered;
use crate::reconcile::{Up, reconcile};
use crate::work::{Act, Work};

/// A project that is to be brought up; all of it is allowed by now.
pub struct Raise<'a> {
    /// What there is to be.
    pub desired: &'a Desired,
    /// What is remembered of it; its backend has the networks and volumes.
    pub memory: Remembered,
    /// How it is brought up.
    pub up: Up,
    /// How steps are taken.
    pub options: Options,
    /// How long another run of the project is waited for.
    pub patience: Duration,
    /// Who supplies the values of secrets.
    pub secrets: &'a SecretSource<'a>,
    /// Who ends it.
    pub interrupt: &'a Interrupt,
    /// Who is told.
    pub events: &'a dyn Events,
}

impl std::fmt::Debug for Raise<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Raise").field("project", &self.desired.project).finish_non_exhaustive()
    }
}

/// Why a project is not up, or not all of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RaiseError {
    /// Nothing was begun.
    #[error(transparent)]
    NotBegun(#[from] EngineError),
    /// The value of a secret is not there.
    #[error("{0}")]
    Secret(String),
    /// A step failed.
    #[error(transparent)]
    Failed(#[from] Box<UpError>),
    /// Somebody asked to stop before anything was made.
    #[error("interrupted")]
    Interrupted,
}

impl Site<'_> {
    /// Brings a project up; the sandbox of each unit.
    ///
    /// # Errors
    /// See [`RaiseError`].
    pub fn raise(&self, raise: &Raise<'_>) -> Result<Vec<Option<String>>, RaiseError> {
        let Raise { desired, memory, .. } = raise;
        let look = Look::at(self.pipeline(), &memory.backend);
        let machine = look.machine(self.pipeline(), raise.secrets)?;
        let held = self.projects().hold(&desired.project.name, "up", raise.patience)?;
        self.refuse_other_backend(desired, &memory.backend)?;
        let run_id = run_id()?;
        let seen = seen(&machine, &desired.project.name)?;
        let work = reconcile(desired, &seen, raise.up, &run_id)?;
        // Nothing is ended that could not be started again.
        let has_values = |service: &str| (raise.secrets)(service).map(drop).map_err(RaiseError::Secret);
        desired.units.iter().filter(|unit| unit.secrets).try_for_each(|unit| has_values(&unit.service))?;
        let journal = held.begin(&run_id)?;
        held.remember(memory)?;
        if !fetch(&machine, desired, &work, raise.interrupt)? {
            journal.end()?;
            return Err(RaiseError::Interrupted);
        }
        let how = (raise.options, raise.interrupt);
        Ok(run(&machine, desired, &work, &journal, how, raise.events)?)
    }

    /// What a project has on one backend is not seen from another.
    ///
    /// # Errors
    /// It has something on another backend than this.
    pub fn refuse_other_backend(&self, desired: &Desired, backend: &str) -> Result<(), EngineError> {
        let project = &desired.project.name;
        let remembered = self.projects().remembered(project)?.filter(|one| one.backend != backend);
        let Some(remembered) = remembered else { return Ok(()) };
        let look = Look::at(self.pipeline(), &remembered.backend);
        // One that does not answer may have something.
        if let Ok(machine) = look.machine(self.pipeline(), &no_secrets) {
            let seen = seen(&machine, project)?;
            if seen.networks.is_empty() && seen.volumes.is_empty() {
                return Ok(());
            }
        }
        Err(EngineError::OtherBackend {
            project: project.clone(),
            found: remembered.backend,
            wanted: backend.to_owned(),
        })
    }
}

/// Brings all images here before anything is made; whether nobody asked to stop meanwhile.
///
/// # Errors
/// An image cannot be brought, or is refused by now.
pub fn fetch(
    machine: &Machine<'_>,
    desired: &Desired,
    work: &Work,
    interrupt: &Interrupt,
) -> Result<bool, EngineError> {
    let mut done = BTreeSet::new();
    for step in &work.steps {
        let Act::Start { unit, .. } = &step.act else { continue };
        let unit = desired.units.get(*unit).filter(|unit| done.insert(unit.service.as_str()));
        let Some(unit) = unit else { continue };
        if interrupt.is_asked() {
            return Ok(false);
        }
        let failed = |source| EngineError::Fetch { service: unit.service.clone(), source };
        machine.fetch(unit).map_err(failed)?;
    }
    Ok(true)
}
