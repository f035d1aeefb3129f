use std::rc::Rc;

use super::{Loader, Scope, Stopped};
use crate::error::{Problem, Problems, Reason, Sources, Warning};
use crate::files::{
    Environment, Files, Given, Project, Request, find, is_remote, name_before_loading, normalized,
};
use crate::node::{Key, Node, Span, Value};
use crate::normalize::normalize;
use crate::template::{Substitution, not_set};

/// Where a file gives a project's name, and the variables in it that are not set.
type Named = (Span, Vec<String>);

/// A project as its files say it: merged, in long forms, checked against the schema, with what is implicit said.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The tree.
    pub model: Node,
    /// The project's name.
    pub name: String,
    /// The project's folder, absolute.
    pub folder: String,
    /// The files that make it, without those that they include.
    pub files: Vec<String>,
    /// The environment files that were read.
    pub env_files: Vec<String>,
    /// The variables.
    pub environment: Environment,
    /// The profiles that were asked for.
    pub profiles: Vec<String>,
    /// What its author should know.
    pub warnings: Vec<Warning>,
    /// The texts of all files.
    pub sources: Sources,
}

/// Reads a project: its files, those that they include and extend, and its variables.
///
/// # Errors
/// Everything that is wrong, as far as reading could go on.
pub fn load(request: &Request, files: &dyn Files) -> Result<Loaded, Problems> {
    let mut loader = Loader::new(files, request.options, &request.current_folder);
    loader.project(request).map_err(|Stopped| Problems::new(loader.report.problems, loader.sources))
}

impl Loaded {
    /// The tree in YAML, as it stands: for files without their variables put in.
    pub fn to_yaml(&self) -> String {
        crate::config::raw_yaml(&self.model)
    }

    /// The tree in JSON, as it stands.
    ///
    /// # Errors
    /// The tree has a value that has no form in JSON.
    pub fn to_json(&self) -> Result<String, crate::config::NoJsonForm> {
        crate::config::raw_json(&self.model)
    }
}

impl Loader<'_> {
    fn project(&mut self, request: &Request) -> Result<Loaded, Stopped> {
        let found = find(request, self.files, &mut self.report);
        let mut project = self.or_stop(found)?;
        if let Some(remote) = project.files.iter().find(|path| is_remote(path)) {
            let message = format!(
                "`{}` is elsewhere: only files of this machine are read",
                crate::error::shown(remote)
            );
            return self.stop(Problem::nowhere(Reason::Unsupported, message));
        }
        self.home = project.environment.get("HOME").cloned();
        let (name, named) = self.name(request, &project)?;
        project.environment.insert("COMPOSE_PROJECT_NAME".to_owned(), name.clone());
        // Where no variables are put in, none are known: names without values stay so.
        let known = if request.options.interpolate {
            project.environment.clone()
        } else {
            Environment::from([("COMPOSE_PROJECT_NAME".to_owned(), name.clone())])
        };
        let scope = Scope {
            base: project.folder.clone(),
            folder: project.folder.clone(),
            environment: Rc::new(known.clone()),
            number: 0,
            included: Vec::new(),
        };
        let mut model = self.model(&project.files, &scope, request.options.resolve_paths)?;
        if model.mapping().is_none_or(crate::node::Mapping::is_empty) {
            return self.stop(Problem::nowhere(Reason::SchemaType, "the Compose file is empty"));
        }
        if name.is_empty() {
            let problem = if let Some((span, unset)) = named {
                let message = ["`name` has no letter or digit that a name may have".to_owned()];
                let message: Vec<String> =
                    message.into_iter().chain(unset.iter().map(|name| not_set(name))).collect();
                Problem::new(Reason::ProjectName, span, message.join(": "))
            } else {
                let message =
                    "the project has no name: the folder's has no letter or digit that a name may have";
                Problem::nowhere(Reason::ProjectName, message)
            };
            return self.stop(problem.help("give one by `-p`, or as `name` in the file"));
        }
        if request.options.normalize {
            let span = model.span;
            if let Some(entries) = model.mapping_mut() {
                let value = Node::new(span, Value::Text(name.clone()));
                entries.insert(Key { name: "name".to_owned(), span }, value);
            }
            normalize(&mut model, &name, &known, &mut self.report);
            self.check()?;
        }
        let mut warnings = std::mem::take(&mut self.report.warnings);
        warnings.sort();
        warnings.dedup();
        Ok(Loaded {
            model,
            name,
            folder: project.folder,
            files: project.files,
            env_files: project.env_files,
            environment: project.environment,
            profiles: project.profiles,
            warnings,
            sources: std::mem::take(&mut self.sources),
        })
    }

    fn or_stop<T>(&mut self, outcome: Result<T, Problem>) -> Result<T, Stopped> {
        outcome.or_else(|problem| self.stop(problem))
    }

    /// The project's name: the caller's, the environment's, the last that a file says, the folder's.
    /// The project's name, and where a file gives it.
    fn name(&mut self, request: &Request, project: &Project) -> Result<(String, Option<Named>), Stopped> {
        let variable = project.environment.get("COMPOSE_PROJECT_NAME");
        let given = name_before_loading(request.project_name.as_deref(), variable, &project.folder);
        let from_folder = match self.or_stop(given)? {
            Given::Fixed(name) => return Ok((name, None)),
            Given::Folder(name) => name,
        };
        let Some(named) = self.name_in_files(&project.files)? else { return Ok((from_folder, None)) };
        let (text, span) = named;
        let mut unset = Vec::new();
        let text = if request.options.interpolate {
            let lookup = |name: &str| project.environment.get(name).cloned();
            let mut substitution = Substitution::new(&lookup);
            let done = substitution.apply(&text);
            unset = substitution.unset;
            for name in &unset {
                self.report.warn(Some(span), not_set(name));
            }
            match done {
                Ok(text) => text,
                Err(error) => {
                    let reason = error.reason();
                    return self.stop(Problem::new(reason, span, format!("name: {error}")));
                }
            }
        } else {
            text
        };
        Ok((if request.options.normalize { normalized(&text) } else { text }, Some((span, unset))))
    }

    /// The last `name` at the top of a document.
    fn name_in_files(&mut self, files: &[String]) -> Result<Option<(String, Span)>, Stopped> {
        let mut named = None;
        for path in files {
            let documents = self.documents(path)?;
            for document in &documents {
                let Some(name) = document.get("name") else { continue };
                let text = match &name.value {
                    Value::Text(text) => Some(text.clone()),
                    Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Timestamp(_) => {
                        Some(name.printed())
                    }
                    Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
                };
                named = text.filter(|text| !text.is_empty()).map(|text| (text, name.span)).or(named);
            }
            self.known.insert(path.clone(), documents);
        }
        Ok(named)
    }
}
