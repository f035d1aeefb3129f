//! The projects of one user on this machine.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use perry_sandbox_pipeline::Pipeline;
use perry_sandbox_runner::{SandboxInfo, Secrets};

use crate::error::{EngineError, StepError};
use crate::journal::failed;
use crate::label::Membership;
use crate::machine::Machine;
use crate::project::Projects;
use crate::world::{Seen, World as _};

/// How long another run of the same project is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The projects of one user on this machine.
#[derive(Debug)]
pub struct Site<'p> {
    pipeline: &'p Pipeline,
    projects: Projects,
}

impl<'p> Site<'p> {
    /// Those of the pipeline's folders.
    pub fn new(pipeline: &'p Pipeline) -> Self {
        let environment = pipeline.environment();
        Self { pipeline, projects: Projects::below(&environment.data_dir, &environment.runtime_dir) }
    }

    /// The way past the desks.
    pub const fn pipeline(&self) -> &'p Pipeline {
        self.pipeline
    }

    /// The projects' folders.
    pub const fn projects(&self) -> &Projects {
        &self.projects
    }

    /// The sandboxes of a project, with all that may be seen of them.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn members(&self, project: &str) -> Result<Vec<(Membership, SandboxInfo)>, EngineError> {
        let machine = Machine::new(self.pipeline.sandboxes()?, Vec::new(), &no_secrets);
        machine.members(project).map_err(unseen(project))
    }

    /// The names of all projects that have sandboxes.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn names(&self) -> Result<BTreeSet<String>, EngineError> {
        let machine = Machine::new(self.pipeline.sandboxes()?, Vec::new(), &no_secrets);
        machine.projects().map_err(unseen("every project"))
    }
}

/// What there is of a project.
///
/// # Errors
/// Somebody who is asked does not answer.
pub fn seen(machine: &Machine<'_>, project: &str) -> Result<Seen, EngineError> {
    machine.seen(project).map_err(unseen(project))
}

fn unseen(project: &str) -> impl FnOnce(StepError) -> EngineError {
    let project = project.to_owned();
    move |source| EngineError::Seen { project, source }
}

/// Nobody supplies secrets where nothing is started.
pub fn no_secrets(_: &str) -> Result<Secrets, String> {
    Ok(Secrets::default())
}

/// Eight random digits, by which a run knows what it has made.
///
/// # Errors
/// The system has no random bytes.
pub fn run_id() -> Result<String, EngineError> {
    let path = Path::new("/dev/urandom");
    let mut bytes = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(failed("read", path))?;
    Ok(format!("{:08x}", u32::from_ne_bytes(bytes)))
}
