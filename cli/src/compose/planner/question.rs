use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use perry_sandbox_compose::{Options, Project, Request, load};
use perry_sandbox_pipeline::{Environment, Pipeline};
use perry_sandbox_stack::{Demands, Desks, Judged, Lock, Order, Stack, demand, judge};

use super::args::DeskArgs;
use crate::args::Cli;
use crate::config::request;
use crate::disk::Disk;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Far above the lock of any project.
const MOST_LOCK: u64 = 4 * 1024 * 1024;

/// A project, read and understood.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) request: Request,
    pub(super) project: Project,
    pub(super) stack: Stack,
    pub(super) order: Order,
    pub(super) demands: Demands,
}

impl Question {
    pub(super) fn read(cli: &Cli, services: &[String]) -> Result<Self, Failure> {
        let options = Options::default();
        let request = request(cli, options)?;
        let disk = Disk::of(&request);
        let mut project = Project::new(load(&request, &disk)?, options, &disk)?;
        output::warnings(&project.warnings, &project.sources);
        project.enable(services);
        project.select(services)?;
        project.drop_unused();
        project.check_container_names()?;
        let stack = Stack::read(&project)?;
        let order = stack.graph().order()?;
        let demands = demand(&stack);
        Ok(Self { request, project, stack, order, demands })
    }

    /// Opens the way past the desks.
    pub(super) fn pipeline(&self, args: &DeskArgs) -> Result<Pipeline, Failure> {
        let variable = |name: &str| self.request.environment.get(name).map(OsString::from);
        let environment = Environment::new(&variable, args.data_dir.as_deref())?;
        Ok(Pipeline::open(environment)?)
    }

    /// Asks about every service.
    pub(super) fn judged(&self, pipeline: &Pipeline, args: &DeskArgs, lock: Option<&Lock>) -> Vec<Judged> {
        let (policy, signer, access) = (args.policy(), args.signer(), args.access());
        let desks = Desks { pipeline, policy: &policy, signer: &signer, access: &access, lock };
        judge(desks, &self.demands)
    }

    /// Where the project's lock is.
    pub(super) fn lock_path(&self) -> PathBuf {
        Path::new(&self.project.folder).join("perry-compose.lock")
    }

    /// The project's lock, if it has one.
    pub(super) fn lock(&self) -> Result<Option<Lock>, Failure> {
        let path = self.lock_path();
        let fail = |error: String| Failure::Lock { path: path.display().to_string(), error };
        let mut text = String::new();
        match std::fs::File::open(&path) {
            Ok(file) => {
                file.take(MOST_LOCK).read_to_string(&mut text).map_err(|error| fail(error.to_string()))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail(error.to_string())),
        };
        Lock::read(&text).map(Some).map_err(|error| fail(error.to_string()))
    }

    /// Each service's image, as its file names it.
    pub(super) fn images(&self) -> BTreeMap<String, String> {
        let services = self.demands.services.iter();
        services
            .filter_map(|(name, demand)| Some((name.clone(), demand.image.as_ref()?.value.clone())))
            .collect()
    }
}

/// The exit code of all that was said: a "no" of the policy goes first, since no signature or machine would change it.
pub(super) fn exit_of(demands: &Demands, judged: &[Judged]) -> Exit {
    if !demands.all_refused().is_empty() || judged.iter().any(|one| one.judgement.is_of_the_policy()) {
        Exit::Refused
    } else if judged.iter().any(|one| one.judgement.is_of_the_verifier()) {
        Exit::NotVerified
    } else if judged.iter().any(|one| !one.judgement.is_allowed()) {
        Exit::Failure
    } else {
        Exit::Done
    }
}
