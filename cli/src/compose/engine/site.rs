//! Where a project is worked on: the pipeline, the machine, and whose project it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use perry_sandbox_compose::{Options, Request};
pub(super) use perry_sandbox_engine::no_secrets;
use perry_sandbox_engine::{Look, Machine, Membership, Projects, Remembered, Replica, Seen};
use perry_sandbox_pipeline::{Environment, LongRunning, Pipeline};
use perry_sandbox_policy::SecretName;
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::{SandboxInfo, Secrets};
pub(super) use perry_sandbox_stack::{secrets_of, secrets_there};

use crate::args::Cli;
use crate::config::request;
use crate::output::Failure;
use crate::planner::Question;

/// How long another run of the same project is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The way past the desks, and what is remembered of projects.
pub(super) struct Site {
    pub(super) pipeline: Pipeline,
    pub(super) projects: Projects,
}

impl Site {
    pub(super) fn open(
        variables: &BTreeMap<String, String>,
        data_dir: Option<&Path>,
    ) -> Result<Self, Failure> {
        let variable = |name: &str| variables.get(name).map(OsString::from);
        let environment = Environment::new(&variable, data_dir)?;
        let projects = Projects::below(&environment.data_dir, &environment.runtime_dir);
        Ok(Self { pipeline: Pipeline::open(environment)?, projects })
    }

    /// The backends that have a project's networks and volumes: what is remembered of it, or all that are alive.
    pub(super) fn backends_of(&self, project: &str) -> Result<Look, Failure> {
        Ok(Look::for_project(&self.pipeline, &self.projects, project)?)
    }

    /// The embedded backend alone: whoever works on sandboxes only asks no engine for networks and volumes.
    pub(super) fn own(&self) -> Look {
        Look::at_own(&self.pipeline)
    }

    pub(super) fn look(&self, backend: &str) -> Look {
        Look::at(&self.pipeline, backend)
    }

    /// The machine, with the networks and volumes of these backends.
    pub(super) fn machine<'a>(
        &'a self,
        look: &'a Look,
        secrets: &'a perry_sandbox_engine::SecretSource<'a>,
    ) -> Result<Machine<'a>, Failure> {
        Ok(look.machine(&self.pipeline, secrets)?)
    }
}

/// Whose project it is.
pub(super) struct Whose {
    pub(super) name: String,
    /// A digest of where it comes from; nothing where only its name was given.
    pub(super) origin: Option<String>,
    /// Its services, also those of profiles that nobody asked for; nothing where only its name was given.
    pub(super) services: Option<BTreeSet<String>>,
    pub(super) variables: BTreeMap<String, String>,
}

impl Whose {
    /// By its name alone where one is given without files, else by its files.
    pub(super) fn read(cli: &Cli) -> Result<Self, Failure> {
        Self::read_with_files(cli).map(|(whose, _)| whose)
    }

    /// With what its files say, where they are read.
    pub(super) fn read_with_files(cli: &Cli) -> Result<(Self, Option<Question>), Failure> {
        let request = request(cli, Options::default())?;
        if let Some(name) = name_alone(&request) {
            let variables = request.environment.into_iter().collect();
            return Ok((Self { name, origin: None, services: None, variables }, None));
        }
        let question = Question::read(cli, &[])?;
        Ok((Self::of(&question), Some(question)))
    }

    pub(super) fn of(question: &Question) -> Self {
        Self {
            name: question.stack.name.clone(),
            origin: Some(origin(&question.project.folder)),
            services: Some(question.all_services.clone()),
            variables: question.request.environment.clone().into_iter().collect(),
        }
    }

    /// Refuses what belongs to another folder's project of the name, and a name alone that several folders have.
    pub(super) fn check(&self, seen: &Seen) -> Result<(), Failure> {
        Ok(seen.refuse_others(&self.name, self.origin.as_ref())?)
    }
}

/// The name, where it is all that is given. Files that are there go before a name of the environment: whoever stands in a
/// project's folder means that project.
fn name_alone(request: &Request) -> Option<String> {
    let variable = |name: &str| request.environment.get(name).filter(|value| !value.is_empty()).cloned();
    if !request.files.is_empty() || variable("COMPOSE_FILE").is_some() {
        return None;
    }
    let named = request.project_name.clone();
    named.or_else(|| variable("COMPOSE_PROJECT_NAME").filter(|_| !has_files(&request.current_folder)))
}

/// Whether the folder, or one above it, has the files of a project.
fn has_files(folder: &str) -> bool {
    let names = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
    Path::new(folder).ancestors().any(|folder| names.iter().any(|name| folder.join(name).exists()))
}

/// A digest of where a project comes from.
pub(super) fn origin(folder: &str) -> String {
    Digest::of(folder.as_bytes()).hex().chars().take(16).collect()
}

/// Eight random digits.
pub(super) fn run_id() -> Result<String, Failure> {
    Ok(perry_sandbox_engine::run_id()?)
}

/// What there is of a project.
pub(super) fn seen(machine: &Machine<'_>, project: &str) -> Result<Seen, Failure> {
    Ok(perry_sandbox_engine::seen(machine, project)?)
}

/// What is remembered of a project that is brought up.
pub(super) fn memory(question: &Question, backend: &str) -> Remembered {
    let folder = question.project.folder.clone();
    Remembered { origin: origin(&folder), folder, backend: backend.to_owned(), description: None }
}

/// A secret of a sandbox that has no value among these: it could not be started again.
pub(super) fn missing_secret(
    sandboxes: &LongRunning<'_>,
    one: &Replica,
    values: &Secrets,
) -> Result<Option<SecretName>, Failure> {
    let id = one.id.parse().map_err(|_| Failure::NoService(one.member.service.clone()))?;
    let names = sandboxes.secrets(&id)?;
    Ok(names.into_iter().find(|name| !values.names().any(|there| there == name)))
}

/// The sandboxes of a project, with all that may be seen of them.
pub(super) fn members(site: &Site, project: &str) -> Result<Vec<(Membership, SandboxInfo)>, Failure> {
    Ok(perry_sandbox_engine::Site::new(&site.pipeline).members(project)?)
}
