//! The way from a plan into a backend that is a program of the host.

use std::path::Path;

use perry_sandbox_image::{Rootfs, Store};
use perry_sandbox_policy::LaunchPlan;
use perry_sandbox_verifier::VerifiedImage;
use serde::{Deserialize, Serialize};

use super::images::{engine_id, into_apple, into_docker, into_nerdctl, into_podman, manifest_hex};
use super::own::{Own, run_own};
use super::program::Program;
use super::run::{Around, run};
use super::script::Script;
use super::survey::{Backends, Means};
use crate::demands::{PlanError, check_plan};
use crate::io::{Commands, Streams};
use crate::microvm;
use crate::native::{Bounds, Finished, RootFolder, RunError, bounds, fresh_name};

/// What a plan for another backend than the embedded one needs.
#[derive(Debug, Clone, Copy)]
pub struct Engines<'a> {
    /// What this host has.
    pub backends: &'a Backends,
    /// Where the verified image is; engines get it from here and from nowhere else.
    pub store: &'a Store,
}

/// A plan that has been checked against a backend of this host, and turned into what is executed.
#[derive(Debug)]
pub(crate) struct Prepared<'a> {
    work: Work,
    bounds: Bounds,
    root: RootFolder,
    means: &'a Means,
    store: &'a Store,
    image: &'a VerifiedImage,
    id: String,
    program: Program,
}

/// What is executed, as data: a supervisor process gets it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// By an engine or runtime of the host.
    Script(Box<Script>),
    /// By a process of ours.
    Own(Own),
}

impl Work {
    /// Runs it to its end; `bring` gives an engine its image.
    pub(crate) fn run(
        &self,
        (bounds, root): (&Bounds, &RootFolder),
        streams: Streams,
        commands: Option<&Commands>,
        around: &Around<'_>,
        bring: &dyn Fn() -> Result<(), RunError>,
    ) -> Result<Finished, RunError> {
        match self {
            Self::Script(script) => run(script, bounds, streams, commands, around, bring),
            Self::Own(own) => run_own(own, bounds, root, (streams, commands), around),
        }
    }
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
        let root = RootFolder::of(rootfs).map_err(|error| unreadable(&error))?;
        let script = |script: Script| Work::Script(Box::new(script));
        let config = || image.image().config(&engines.store.contents()).map_err(|error| unreadable(&error));
        let work = match means {
            Means::Podman(podman) => script(podman.script(plan, &runtime, &name)?),
            Means::Docker(docker) => script(docker.script(plan, &config()?, &runtime, &name)?),
            Means::Nerdctl(nerdctl) => script(nerdctl.script(plan, &config()?, &runtime, &name)?),
            Means::Apple(apple) => script(apple.script(plan, &config()?, &runtime, &name)?),
            Means::Runsc(runsc) => script(runsc.script(plan, &root.path, &runtime, &name)?),
            Means::Microvm(machine) => {
                Work::Own(Own::Machine(Box::new(microvm::order(plan, &facts.controls, machine)?)))
            }
            #[cfg(feature = "wasm")]
            Means::Wasm => {
                Work::Own(Own::Module(Box::new(crate::wasm::order(plan, &facts.controls, rootfs)?)))
            }
            #[cfg(not(feature = "wasm"))]
            Means::Wasm => return Err(unknown()),
        };
        let id = match means {
            Means::Nerdctl(_) | Means::Apple(_) => manifest_hex(plan)?,
            Means::Podman(_) | Means::Docker(_) | Means::Runsc(_) | Means::Microvm(_) | Means::Wasm => {
                engine_id(plan)?
            }
        };
        let program = Program::find(plan, rootfs);
        Ok(Self { work, bounds: bounds(plan), root, means, store: engines.store, image, id, program })
    }

    /// Gives an engine the image, unless it has it; for a process that does the rest.
    pub(crate) fn bring(&self, runtime: &Path) -> Result<(), RunError> {
        let content = (self.store, self.image);
        match self.means {
            Means::Podman(podman) => {
                self.program.check()?;
                let runtime = std::path::absolute(runtime).map_err(RunError::Live)?;
                into_podman(podman, content, &self.id, &runtime)
            }
            Means::Docker(docker) => {
                self.program.check()?;
                into_docker(docker.socket(), content, &self.id)
            }
            Means::Nerdctl(nerdctl) => {
                self.program.check()?;
                into_nerdctl(nerdctl, content, &self.id)
            }
            Means::Apple(apple) => {
                self.program.check()?;
                into_apple(apple, content, &self.id)
            }
            // It runs our own tree.
            Means::Runsc(_) => self.program.check(),
            // They look for themselves.
            Means::Microvm(_) | Means::Wasm => Ok(()),
        }
    }

    /// What is executed.
    pub(crate) const fn work(&self) -> &Work {
        &self.work
    }

    /// Runs it.
    pub(crate) fn run(
        &self,
        streams: Streams,
        commands: Option<&Commands>,
        around: &Around<'_>,
    ) -> Result<Finished, RunError> {
        let bring = || self.bring(around.runtime);
        self.work.run((&self.bounds, &self.root), streams, commands, around, &bring)
    }

    /// What comes before the script: how an engine is given the image.
    fn bringing(&self, script: &Script) -> Vec<String> {
        let runtime = script.folder.parent().unwrap_or(&script.folder);
        let unless = |what: &dyn std::fmt::Display| format!("unless it has the verified image: {what}");
        match self.means {
            Means::Podman(podman) => vec![unless(&podman.call(runtime, &["load", "--quiet"]).line())],
            Means::Docker(docker) => vec![unless(&docker.socket().exchange("POST", "/images/load?quiet=1"))],
            Means::Nerdctl(_) | Means::Apple(_) => vec![unless(&"the engine loads it from our store")],
            Means::Runsc(_) | Means::Microvm(_) | Means::Wasm => Vec::new(),
        }
    }

    /// What would be executed, line by line.
    pub(crate) fn steps(&self) -> Vec<String> {
        match &self.work {
            Work::Script(script) => self.bringing(script).into_iter().chain(script.steps()).collect(),
            Work::Own(own) => own.steps(),
        }
    }
}
