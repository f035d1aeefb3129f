//! Backends that were looked at, and the machine with what they have.

use perry_sandbox_pipeline::stock::OwnStock;
use perry_sandbox_pipeline::{Backends, Pipeline};

use crate::error::EngineError;
use crate::machine::{Machine, SecretSource};
use crate::project::Projects;
use crate::shelf::Shelf;

/// The backend that is ours.
const EMBEDDED: &str = "native";

/// Backends that were looked at for networks and volumes.
#[derive(Debug)]
pub struct Look {
    /// The one that is asked; nothing: all.
    only: Option<String>,
    backends: Backends,
}

impl Look {
    /// At this backend alone.
    pub fn at(pipeline: &Pipeline, backend: &str) -> Self {
        let backends = if backend == EMBEDDED {
            Backends::default()
        } else {
            Backends::survey(&pipeline.environment().tools, Some(backend))
        };
        Self { only: Some(backend.to_owned()), backends }
    }

    /// At our own: whoever works on sandboxes only asks no engine for networks and volumes.
    pub fn at_own(pipeline: &Pipeline) -> Self {
        Self::at(pipeline, EMBEDDED)
    }

    /// At those that have a project's networks and volumes: what is remembered of it, or all that are alive.
    ///
    /// # Errors
    /// What is remembered cannot be read.
    pub fn for_project(pipeline: &Pipeline, projects: &Projects, project: &str) -> Result<Self, EngineError> {
        Ok(match projects.remembered(project)? {
            Some(remembered) => Self::at(pipeline, &remembered.backend),
            None => Self { only: None, backends: Backends::survey(&pipeline.environment().tools, None) },
        })
    }

    /// The machine, with the networks and volumes of these backends.
    ///
    /// # Errors
    /// A backend is not there, or the folder of records cannot be used.
    pub fn machine<'a>(
        &'a self,
        pipeline: &'a Pipeline,
        secrets: &'a SecretSource<'a>,
    ) -> Result<Machine<'a>, EngineError> {
        let environment = pipeline.environment();
        let (data, runtime) = (&environment.data_dir, &environment.runtime_dir);
        let own = || Shelf::Own(OwnStock::new(data, runtime));
        let engine = |name: &str| self.backends.stock(name, runtime).map(Shelf::Engine);
        let shelves = match self.only.as_deref() {
            Some(EMBEDDED) => vec![own()],
            Some(name) => vec![engine(name)?],
            None => {
                std::iter::once(own()).chain(Backends::names().filter_map(|name| engine(name).ok())).collect()
            }
        };
        Ok(Machine::new(pipeline.sandboxes()?, shelves, secrets))
    }
}
