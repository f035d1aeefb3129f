use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use perry_sandbox_build::Builds;
use perry_sandbox_compose::{Options, Project, Request};
use perry_sandbox_pipeline::{Environment, Pipeline, Pull};
use perry_sandbox_stack::{
    Builders, Demands, Desks, Disk, Host, Judged, Lock, LockError, Order, Stack, Understood, ValueSource,
    demand, judge,
};

use super::args::DeskArgs;
use crate::args::Cli;
use crate::config::request;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// A project, read and understood.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) project: Project,
    pub(crate) stack: Stack,
    pub(crate) order: Order,
    pub(crate) demands: Demands,
    /// The services of the whole project, also those that are not asked for.
    pub(crate) all_services: BTreeSet<String>,
    /// Where values of all secrets come from, also of those that no service is given any more.
    pub(crate) all_secrets: BTreeMap<String, ValueSource>,
}

impl Question {
    pub(crate) fn read(cli: &Cli, services: &[String]) -> Result<Self, Failure> {
        Self::scaled(cli, services, &[], false)
    }

    /// With other numbers of replicas than the files say (`SERVICE=N`), and without those that the services depend on where
    /// `alone` says so.
    pub(crate) fn scaled(
        cli: &Cli,
        services: &[String],
        scale: &[String],
        alone: bool,
    ) -> Result<Self, Failure> {
        let options = Options::default();
        let request = request(cli, options)?;
        let read = Understood::read(&request, &Disk::of(&request), services)?;
        let Understood { project, mut stack, all_services, all_secrets, .. } = read;
        output::warnings(&project.warnings, &project.sources);
        for text in scale {
            let wrong = || Failure::Usage(format!("--scale {text}: SERVICE=N is expected"));
            let (name, count) = text.split_once('=').ok_or_else(wrong)?;
            let count = count.parse().map_err(|_| wrong())?;
            let service = stack.services.get_mut(name);
            service.ok_or_else(|| Failure::NoService(name.to_owned()))?.replicas = count;
        }
        // Of the whole project: what one asks for may be another's.
        let mut demands = demand(&stack);
        if alone && !services.is_empty() {
            keep_only(&mut stack, services);
            demands.services.retain(|name, _| services.contains(name));
        }
        let order = stack.graph().order()?;
        let variable = |name: &str| request.environment.get(name).cloned();
        demands.look_at_host(&stack, Host { folder: &project.folder, variable: &variable });
        Ok(Self { request, project, stack, order, demands, all_services, all_secrets })
    }

    /// Says for all services when registries are asked.
    pub(crate) fn pull(&mut self, when: Option<Pull>) {
        if let Some(when) = when {
            self.demands.services.values_mut().for_each(|demand| demand.pull = when);
        }
    }

    /// Forgets all services but this one, which then waits for none.
    pub(crate) fn keep_only(&mut self, service: &str) -> Result<(), Failure> {
        keep_only(&mut self.stack, &[service.to_owned()]);
        self.order = self.stack.graph().order()?;
        self.demands.services.retain(|name, _| name == service);
        Ok(())
    }

    /// Opens the way past the desks.
    pub(crate) fn pipeline(&self, args: &DeskArgs) -> Result<Pipeline, Failure> {
        let variable = |name: &str| self.request.environment.get(name).map(OsString::from);
        let environment = Environment::new(&variable, args.data_dir.as_deref())?;
        Ok(Pipeline::open(environment)?)
    }

    /// Asks about every service.
    pub(crate) fn judged(
        &self,
        pipeline: &Pipeline,
        args: &DeskArgs,
        lock: Option<&Lock>,
    ) -> Result<Vec<Judged>, Failure> {
        let (policy, signer, access) = (args.policy(), args.signer(), args.access());
        let builds = Builds::below(&pipeline.environment().data_dir);
        let built = Builders::of(&self.demands, pipeline, &policy)?.built(&builds)?;
        let desks =
            Desks { pipeline, policy: &policy, signer: &signer, access: &access, lock, built: &built };
        Ok(judge(desks, &self.demands))
    }

    /// Where the project's lock is.
    pub(crate) fn lock_path(&self) -> PathBuf {
        Lock::path(&self.project.folder)
    }

    /// The project's lock, if it has one.
    pub(crate) fn lock(&self) -> Result<Option<Lock>, Failure> {
        lock_of(&self.project.folder)
    }

    /// Each service's image, as its file names it.
    pub(crate) fn images(&self) -> BTreeMap<String, String> {
        let services = self.demands.services.iter();
        services
            .filter_map(|(name, demand)| Some((name.clone(), demand.image.as_ref()?.value.clone())))
            .collect()
    }
}

/// The lock of the project in this folder, if it has one.
pub(crate) fn lock_of(folder: &str) -> Result<Option<Lock>, Failure> {
    let fail = |error: LockError| Failure::Lock {
        path: Lock::path(folder).display().to_string(),
        error: error.to_string(),
    };
    Lock::in_folder(folder).map_err(fail)
}

fn keep_only(stack: &mut Stack, services: &[String]) {
    stack.services.retain(|name, _| services.contains(name));
    for service in stack.services.values_mut() {
        service.depends_on.retain(|one| services.contains(&one.value.service));
        service.needs.retain(|(name, _)| services.contains(name));
    }
}

/// The exit code of all that was said: a "no" of the policy goes first, since no signature or machine would change it.
pub(crate) fn exit_of(demands: &Demands, judged: &[Judged]) -> Exit {
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
