//! `composeUp`, `composeConfig`: Compose projects, of files or of a text.

use std::collections::BTreeMap;
use std::time::Duration;

use perry_sandbox_build::Builds;
use perry_sandbox_compose::{FileError, Files, Kind, Options as Reading, Problems, Request};
use perry_sandbox_engine::{Options, Raise, Recreate, Remembered, Site, Up as How};
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice};
use perry_sandbox_reference::Digest;
use perry_sandbox_stack::{
    Asked, BuildWords, Builders, Desks, Disk, Lock, LockError, UnderstandError, Understood, desire, judge,
    secrets_of, shared_backend,
};
use serde_json::{Value, json};

use super::raising::{Untold, heeding, refused};
use super::{build, target};
use crate::calls::Call;
use crate::code::Code;
use crate::engine::{Engine, variables};
use crate::envelope::{Fields, json};
use crate::fault::Fault;

/// The name by which the loader asks for the text.
const TEXT: &str = "-";

/// Where a project is described.
#[derive(Debug)]
pub(super) struct Source {
    files: Vec<String>,
    text: Option<String>,
    directory: Option<String>,
    name: Option<String>,
    env_files: Vec<String>,
    profiles: Vec<String>,
}

/// A project in its canonical form.
#[derive(Debug)]
pub(crate) struct Config(Source);

/// A project to bring up.
#[derive(Debug)]
pub(crate) struct Up {
    source: Source,
    services: Vec<String>,
    build: bool,
    how: How,
    options: Options,
    policy: PolicyChoice,
    signer: SignerChoice,
    access: AccessChoice,
}

impl Source {
    /// `{files | text, projectDirectory?, projectName?, envFiles?, profiles?}`.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Fault> {
        let source = Self {
            files: fields.texts("files")?.unwrap_or_default(),
            text: fields.text("text")?,
            directory: fields.text("projectDirectory")?,
            name: fields.text("projectName")?,
            env_files: fields.texts("envFiles")?.unwrap_or_default(),
            profiles: fields.texts("profiles")?.unwrap_or_default(),
        };
        match (source.files.is_empty(), &source.text) {
            (true, None) => Err(fields.missing("files")),
            (false, Some(_)) => Err(fields.refuse("text", "is there beside `files`: give one of the two")),
            (true, Some(_)) | (false, None) => Ok(source),
        }
    }

    fn request(&self) -> Result<Request, Fault> {
        let folder =
            std::env::current_dir().ok().and_then(|folder| folder.into_os_string().into_string().ok());
        let folder = folder.ok_or_else(|| Fault::new(Code::Io, "the current folder cannot be used"))?;
        let is_text = self.text.is_some();
        // A program's own values are never looked into for variables.
        let options = Reading { interpolate: !is_text, ..Reading::default() };
        Ok(Request {
            current_folder: folder,
            environment: variables().into_iter().collect(),
            files: if is_text { vec![TEXT.to_owned()] } else { self.files.clone() },
            env_files: self.env_files.clone(),
            project_name: self.name.clone(),
            project_directory: self.directory.clone(),
            profiles: self.profiles.clone(),
            options,
        })
    }

    pub(super) fn understood(&self, services: &[String]) -> Result<Understood, Fault> {
        let request = self.request()?;
        let files = Given { disk: Disk::of(&request), text: self.text.as_deref() };
        Understood::read(&request, &files, services).map_err(|error| match error {
            UnderstandError::Problems(problems) => wrong(&problems),
            error @ (UnderstandError::Cycle(_) | _) => Fault::bad_request(error.to_string()),
        })
    }
}

fn unlocked(error: &LockError) -> Fault {
    Fault::bad_request(format!("the project's `perry-compose.lock`: {error}"))
}

fn wrong(problems: &Problems) -> Fault {
    Fault::bad_request(problems.to_string().trim_end())
}

/// The files of this machine, and a text.
#[derive(Debug)]
struct Given<'a> {
    disk: Disk,
    text: Option<&'a str>,
}

impl Files for Given<'_> {
    fn kind(&self, path: &str) -> Kind {
        self.disk.kind(path)
    }

    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError> {
        self.disk.read(path, most)
    }

    /// SECURITY: never the program's own standard input, which a file could name.
    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError> {
        let text = self.text.ok_or(FileError::Missing)?;
        if text.len() > most { Err(FileError::TooLarge(most)) } else { Ok(text.as_bytes().to_vec()) }
    }

    fn real(&self, path: &str) -> Option<String> {
        self.disk.real(path)
    }
}

impl Config {
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let source = Source::read(&mut fields)?;
        fields.finish()?;
        Ok(Self(source))
    }

    pub(super) fn run(self) -> Result<String, Fault> {
        let Understood { project, stack, order, .. } = self.0.understood(&[])?;
        json(&json!({ "name": stack.name, "yaml": project.to_yaml(), "levels": order.levels() }))
    }
}

impl Up {
    /// `{files | text, …, services?, build?, forceRecreate?, removeOrphans?, wait?, waitTimeoutMs?, policy?, signer?, …}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let source = Source::read(&mut fields)?;
        let services = target::services(&mut fields)?.unwrap_or_default();
        let build = fields.flag("build")?;
        let recreate = if fields.flag("forceRecreate")? { Recreate::Always } else { Recreate::Changed };
        let how = How { recreate, remove_orphans: fields.flag("removeOrphans")? };
        let default = Options::default();
        let patience = fields.whole("waitTimeoutMs")?.map_or(default.patience, Duration::from_millis);
        let options = Options { patience, wait: fields.flag("wait")?, ..default };
        let (policy, signer) = (target::policy(&mut fields)?, target::signer(&mut fields)?);
        let access = target::access(&mut fields)?;
        fields.finish()?;
        Ok(Self { source, services, build, how, options, policy, signer, access })
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let understood = self.source.understood(&self.services)?;
        let Understood { project, stack, order, demands, .. } = &understood;
        if stack.services.is_empty() {
            return Err(Fault::bad_request("the project has no services that are asked for"));
        }
        if let Some(problems) = demands.problems(stack) {
            return Err(Fault::new(Code::Denied, problems.to_string().trim_end()));
        }
        let (policy, signer, access) = (&self.policy, &self.signer, &self.access);
        let builders = Builders::of(demands, &pipeline, policy)?;
        if self.build {
            let recipes = builders.recipes(order.start()).map_err(|no| build::why_not(&no))?;
            build::make(engine, call, (recipes, &BuildWords::default()), None)?;
        }
        let built = builders.built(&Builds::below(&pipeline.environment().data_dir))?;
        // What was locked by digest stays locked, whoever brings it up.
        let lock = if self.source.text.is_some() {
            None
        } else {
            Lock::in_folder(&project.folder).map_err(|error| unlocked(&error))?
        };
        let desks = Desks { pipeline: &pipeline, policy, signer, access, lock: lock.as_ref(), built: &built };
        let judged = judge(desks, demands);
        if judged.len() < demands.services.len() || judged.iter().any(|one| !one.judgement.is_allowed()) {
            return Err(refused(&judged, "service"));
        }
        let mut hashes = BTreeMap::new();
        for name in stack.services.keys() {
            let hash = project.service_hash(name).map_err(|error| Fault::bad_request(error.to_string()))?;
            hashes.extend(hash.map(|hash| (name.clone(), hash)));
        }
        let origin: String = Digest::of(project.folder.as_bytes()).hex().chars().take(16).collect();
        let asked = Asked { policy, signer, access, origin: &origin, hashes: &hashes };
        let desired = desire(stack, demands, order, &judged, asked);
        let mut desired = desired.map_err(|error| Fault::bad_request(error.to_string()))?;
        desired.services.clone_from(&understood.all_services);
        let backend = shared_backend(&desired, &judged);
        let backend = backend.map_err(|split| Fault::new(Code::Conflict, split.to_string()))?;
        let values = variables();
        let secrets = |service: &str| secrets_of(stack, &values, service);
        let folder = project.folder.clone();
        heeding(engine, call, |interrupt| {
            let ids = Site::new(&pipeline).raise(&Raise {
                desired: &desired,
                memory: Remembered { origin: origin.clone(), folder, backend, description: None },
                up: self.how,
                options: self.options,
                patience: self.options.patience,
                secrets: &secrets,
                interrupt,
                events: &Untold,
            })?;
            let one = |(unit, id): (&perry_sandbox_engine::Unit, Option<String>)| -> Value {
                json!({ "service": unit.service, "containerId": id })
            };
            let services: Vec<Value> = desired.units.iter().zip(ids).map(one).collect();
            json(&json!({ "name": stack.name, "services": services, "yaml": project.to_yaml() }))
        })
    }
}
