//! The way from a plan into a backend that is a program of the host.

use std::io;
use std::path::Path;

use perry_sandbox_image::{Rootfs, Store};
use perry_sandbox_policy::LaunchPlan;
use perry_sandbox_verifier::VerifiedImage;

use super::images::{engine_id, into_docker, into_podman};
use super::program::Program;
use super::run::{Around, run};
use super::script::Script;
use super::survey::{Backends, Means};
use crate::demands::{PlanError, check_plan};
use crate::io::{Commands, Streams};
use crate::native::{Bounds, Finished, RunError, bounds, fresh_name};

/// What a plan for another backend than the embedded one needs.
#[derive(Debug, Clone, Copy)]
pub struct Engines<'a> {
    /// What this host has.
    pub backends: &'a Backends,
    /// Where the verified image is; engines get it from here and from nowhere else.
    pub store: &'a Store,
}

/// A plan that has been checked against an engine of this host, and turned into what is executed.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    script: Script,
    bounds: Bounds,
    means: &'a Means,
    store: &'a Store,
    image: &'a VerifiedImage,
    id: String,
    program: Program,
}

impl<'a> Prepared<'a> {
    /// Checks every line of the plan before anything starts.
    pub(crate) fn new(
        plan: &LaunchPlan,
        image: &'a VerifiedImage,
        rootfs: &Rootfs,
        engines: Engines<'a>,
        runtime: &Path,
    ) -> Result<Self, PlanError> {
        let unknown =
            || PlanError::Backend { planned: plan.backend.to_string(), here: "what is alive on this host" };
        let means = engines.backends.means(plan.backend.as_str()).ok_or_else(unknown)?;
        let facts = means.facts().ok_or_else(unknown)?;
        check_plan(means.backend().name(), plan, &facts.controls)?;
        let unreadable = |error: &dyn ToString| PlanError::RootFolder(error.to_string());
        let name = format!("perry-sandbox-{}", fresh_name());
        let runtime = std::path::absolute(runtime).map_err(|error| unreadable(&error))?;
        let script = match means {
            Means::Podman(podman) => podman.script(plan, &runtime, &name)?,
            Means::Docker(docker) => {
                let config = image.image().config(&engines.store.contents());
                docker.script(plan, &config.map_err(|error| unreadable(&error))?, &runtime, &name)?
            }
            Means::Runsc(runsc) => {
                let tree = rootfs.path().canonicalize().map_err(|error: io::Error| unreadable(&error))?;
                runsc.script(plan, &tree, &runtime, &name)?
            }
        };
        let id = engine_id(plan)?;
        let program = Program::find(plan, rootfs);
        Ok(Self { script, bounds: bounds(plan), means, store: engines.store, image, id, program })
    }

    /// Gives the engine the image, unless it has it, for a process that runs the script.
    pub(crate) fn bring(&self, runtime: &Path) -> Result<(), RunError> {
        self.program.check()?;
        let runtime = std::path::absolute(runtime).map_err(RunError::Live)?;
        let content = (self.store, self.image);
        match self.means {
            Means::Podman(podman) => into_podman(podman, content, &self.id, &runtime),
            Means::Docker(docker) => into_docker(docker.socket(), content, &self.id),
            // It runs our own tree.
            Means::Runsc(_) => Ok(()),
        }
    }

    /// What is executed.
    pub(crate) const fn script(&self) -> &Script {
        &self.script
    }

    /// Runs it.
    pub(crate) fn run(
        &self,
        streams: Streams,
        commands: Option<&Commands>,
        around: &Around<'_>,
    ) -> Result<Finished, RunError> {
        run(&self.script, &self.bounds, streams, commands, around, &|| self.bring(around.runtime))
    }

    /// What would be executed, line by line.
    pub(crate) fn steps(&self) -> Vec<String> {
        self.script.steps()
    }
}
