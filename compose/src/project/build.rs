use crate::config::{NoJsonForm, to_json, to_yaml};
use crate::consistency::{agree_on_replicas, check_project};
use crate::error::{Problem, Problems, Reason, Report, Sources, Warning, shown};
use crate::files::{Environment, Files, Options};
use crate::load::Loaded;
use crate::model::{PROJECT, decode};
use crate::node::{Mapping, Node, Value};

/// A project, ready to be printed or planned.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project's name.
    pub name: String,
    /// The project's folder, absolute.
    pub folder: String,
    /// The files that make it, without those that they include.
    pub files: Vec<String>,
    /// The variables.
    pub environment: Environment,
    /// The profiles that were asked for.
    pub profiles: Vec<String>,
    /// What its author should know.
    pub warnings: Vec<Warning>,
    /// The texts of all files.
    pub sources: Sources,
    pub(crate) model: Node,
    pub(crate) disabled: Mapping,
}

impl Project {
    /// Makes a project of what was loaded: values get their types, services outside of the profiles are set apart,
    /// references are checked, and files of variables are read.
    ///
    /// # Errors
    /// Everything that is wrong, as far as the steps could go on.
    pub fn new(loaded: Loaded, options: Options, files: &dyn Files) -> Result<Self, Problems> {
        let mut report = Report { problems: Vec::new(), warnings: loaded.warnings };
        let mut model = decode(&loaded.model, &PROJECT, &mut report);
        let name = model.text_here(loaded.name.clone());
        if let Some(model) = model.mapping_mut() {
            if !model.contains("services") {
                model.put("services", Node::new(name.span, Value::Mapping(Mapping::default())));
            }
            model.put("name", name);
        }
        let mut project = Self {
            name: loaded.name,
            folder: loaded.folder,
            files: loaded.files,
            environment: loaded.environment,
            profiles: loaded.profiles,
            warnings: Vec::new(),
            sources: loaded.sources,
            model,
            disabled: Mapping::default(),
        };
        project.apply_profiles();
        project.checked(&report)?;
        if options.check_consistency {
            check_project(&project, &mut report);
            project.checked(&report)?;
            agree_on_replicas(&mut project);
        }
        if options.resolve_environment {
            project.resolve_variables(files, &mut report);
        }
        project.resolve_labels(files, &mut report);
        project.checked(&report)?;
        project.warnings = report.warnings;
        Ok(project)
    }

    /// The canonical form in JSON. A `$` is doubled, so that reading it again gives the same project.
    ///
    /// # Errors
    /// The project has a value that has no form in JSON.
    pub fn to_json(&self) -> Result<String, NoJsonForm> {
        to_json(self).map(|text| text.replace('$', "$$"))
    }

    /// The canonical form in YAML. A `$` is doubled, so that reading it again gives the same project.
    pub fn to_yaml(&self) -> String {
        to_yaml(self).replace('$', "$$")
    }

    fn checked(&self, report: &Report) -> Result<(), Problems> {
        if report.failed() {
            return Err(Problems::new(report.problems.clone(), self.sources.clone()));
        }
        Ok(())
    }

    /// The services that the profiles let in, in no order that means anything.
    pub(crate) fn services(&self) -> &Mapping {
        static NONE: std::sync::LazyLock<Mapping> = std::sync::LazyLock::new(Mapping::default);
        self.section("services").unwrap_or(&NONE)
    }

    /// The same, to be changed.
    pub(crate) fn services_mut(&mut self) -> Option<&mut Mapping> {
        self.model.get_mut("services").and_then(Node::mapping_mut)
    }

    /// A section of the model.
    pub(crate) fn section(&self, name: &str) -> Option<&Mapping> {
        self.model.get(name).and_then(Node::mapping)
    }

    /// Checks that no two services name their container alike.
    ///
    /// # Errors
    /// Each service whose container has a name that another's has.
    pub fn check_container_names(&self) -> Result<(), Problems> {
        let mut seen = std::collections::HashMap::new();
        let mut problems = Vec::new();
        for (name, service) in sorted(self.services()) {
            let Some(container) = service.get("container_name") else { continue };
            let text = container.text().unwrap_or_default();
            if let Some((other, span)) = seen.insert(text, (name, container.span)) {
                let message = format!(
                    "services `{}` and `{}` both have the container name `{}`",
                    shown(other),
                    shown(name),
                    shown(text)
                );
                problems
                    .push(Problem::new(Reason::Conflict, container.span, message).place(span, "first here"));
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(Problems::new(problems, self.sources.clone())) }
    }
}

/// Entries by name: what is said of several comes in one order.
pub(crate) fn sorted(mapping: &Mapping) -> Vec<(&str, &Node)> {
    let mut entries: Vec<_> = mapping.iter().map(|(key, node)| (key.name.as_str(), node)).collect();
    entries.sort_by_key(|(name, _)| *name);
    entries
}
