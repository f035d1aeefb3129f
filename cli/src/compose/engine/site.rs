//! Where a project is worked on: the pipeline, the machine, and whose project it is.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use perry_sandbox_compose::{Options, Request};
use perry_sandbox_engine::{EngineError, Machine, Membership, Projects, Remembered, Seen, Shelf, World as _};
use perry_sandbox_pipeline::stock::OwnStock;
use perry_sandbox_pipeline::{Backends, Environment, Pipeline};
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::{SandboxInfo, Secret, Secrets};
use perry_sandbox_stack::{Stack, ValueSource};

use crate::args::Cli;
use crate::config::request;
use crate::output::Failure;
use crate::planner::Question;

/// The backend that is ours.
const EMBEDDED: &str = "native";
/// How long another run of the same project is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// The way past the desks, and what is remembered of projects.
pub(super) struct Site {
    pub(super) pipeline: Pipeline,
    environment: Environment,
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
        Ok(Self { pipeline: Pipeline::open(environment.clone())?, environment, projects })
    }

    /// The backends that have a project's networks and volumes: what is remembered of it, or all that are alive.
    pub(super) fn backends_of(&self, project: &str) -> Result<Look, Failure> {
        match self.projects.remembered(project)? {
            Some(remembered) => Ok(self.look(&remembered.backend)),
            None => Ok(Look { only: None, backends: Backends::survey(&self.environment.tools, None) }),
        }
    }

    /// The embedded backend alone: whoever works on sandboxes only asks no engine for networks and volumes.
    pub(super) fn own(&self) -> Look {
        self.look(EMBEDDED)
    }

    pub(super) fn look(&self, backend: &str) -> Look {
        let backends = if backend == EMBEDDED {
            Backends::default()
        } else {
            Backends::survey(&self.environment.tools, Some(backend))
        };
        Look { only: Some(backend.to_owned()), backends }
    }

    /// The machine, with the networks and volumes of these backends.
    pub(super) fn machine<'a>(
        &'a self,
        look: &'a Look,
        secrets: &'a perry_sandbox_engine::SecretSource<'a>,
    ) -> Result<Machine<'a>, Failure> {
        let (data, runtime) = (&self.environment.data_dir, &self.environment.runtime_dir);
        let own = || Shelf::Own(OwnStock::new(data, runtime));
        let engine = |name: &str| look.backends.stock(name, runtime).map(Shelf::Engine);
        let shelves = match look.only.as_deref() {
            Some(EMBEDDED) => vec![own()],
            Some(name) => vec![engine(name)?],
            None => {
                std::iter::once(own()).chain(Backends::names().filter_map(|name| engine(name).ok())).collect()
            }
        };
        Ok(Machine::new(self.pipeline.sandboxes()?, shelves, secrets))
    }
}

/// Backends that were looked at.
pub(super) struct Look {
    /// The one that is asked; nothing: all.
    only: Option<String>,
    backends: Backends,
}

/// Whose project it is.
pub(super) struct Whose {
    pub(super) name: String,
    /// A digest of where it comes from; nothing where only its name was given.
    pub(super) origin: Option<String>,
    /// Its services; nothing where only its name was given.
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
            services: Some(question.stack.services.keys().cloned().collect()),
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
    let mut bytes = [0; 4];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| Failure::Folder(format!("/dev/urandom: {error}")))?;
    Ok(format!("{:08x}", u32::from_ne_bytes(bytes)))
}

/// What there is of a project.
pub(super) fn seen(machine: &Machine<'_>, project: &str) -> Result<Seen, Failure> {
    let failed = |source| EngineError::Seen { project: project.to_owned(), source };
    Ok(machine.seen(project).map_err(failed)?)
}

/// Nobody supplies secrets where nothing is started.
#[expect(clippy::unnecessary_wraps, reason = "the form of who supplies secrets")]
pub(super) fn no_secrets(_: &str) -> Result<Secrets, String> {
    Ok(Secrets::default())
}

/// The values of a service's secrets, from the files and variables that the project names.
pub(super) fn secrets_of(
    stack: &Stack,
    variables: &BTreeMap<String, String>,
    service: &str,
) -> Result<Secrets, String> {
    let mut secrets = Secrets::default();
    let service = stack.services.get(service).into_iter().flat_map(|service| &service.secrets);
    let sources: BTreeSet<&String> = service.map(|mount| &mount.value.source).collect();
    for source in sources {
        let name = source.parse().map_err(|error| format!("{error}"))?;
        let value = match stack.secrets.get(source) {
            Some(ValueSource::File(path)) => {
                let file =
                    File::open(path).map_err(|error| format!("the secret `{source}`: `{path}`: {error}"))?;
                Secret::read(&name, file)
            }
            Some(ValueSource::Variable(variable)) => {
                let value = variables.get(variable).ok_or_else(|| {
                    format!(
                        "the secret `{source}` is to be the variable `{variable}`, which is not set: set it"
                    )
                })?;
                Secret::of_bytes(&name, value.clone().into_bytes())
            }
            Some(ValueSource::Elsewhere(_) | ValueSource::Content(_)) | None => {
                return Err(format!("the secret `{source}` has no source"));
            }
        };
        let value = value.map_err(|error| error.to_string())?;
        secrets.insert(name, value).map_err(|error| error.to_string())?;
    }
    Ok(secrets)
}

/// What is remembered of a project that is brought up.
pub(super) fn memory(question: &Question, backend: &str) -> Remembered {
    let folder = question.project.folder.clone();
    Remembered { origin: origin(&folder), folder, backend: backend.to_owned() }
}

/// The sandboxes of a project, with all that may be seen of them.
pub(super) fn members(site: &Site, project: &str) -> Result<Vec<(Membership, SandboxInfo)>, Failure> {
    let secrets = no_secrets;
    let machine = Machine::new(site.pipeline.sandboxes()?, Vec::new(), &secrets);
    let failed = |source| EngineError::Seen { project: project.to_owned(), source };
    Ok(machine.members(project).map_err(failed)?)
}
