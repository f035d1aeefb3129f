use super::project::Service;
use crate::error::{Problem, Reason, Report, shown};
use crate::node::{Mapping, Node, Span};
use crate::project::{Project, dependencies};

/// Checks that what a service names is there.
pub(super) fn check(project: &Project, service: &Service<'_>, report: &mut Report) {
    let mut references = References { project, service, report };
    references.networks();
    references.services();
    references.volumes();
    references.sources("secrets", Reason::UndefinedSecret, service.items("secrets"));
    let of_build = service.node.get("build").and_then(|build| build.get("secrets"));
    let of_build = of_build.and_then(Node::sequence).unwrap_or_default();
    references.sources("secrets", Reason::UndefinedSecret, of_build);
    references.sources("configs", Reason::UndefinedConfig, service.items("configs"));
    references.models();
}

struct References<'a, 'r> {
    project: &'a Project,
    service: &'a Service<'a>,
    report: &'r mut Report,
}

impl References<'_, '_> {
    fn undefined(&mut self, section: &str, reason: Reason, name: &str, span: Span) {
        let one = section.strip_suffix('s').unwrap_or(section);
        let message = format!("service `{}` refers to undefined {one} `{}`", self.service.name, shown(name));
        let known = self.project.section(section).into_iter().flat_map(Mapping::iter);
        let mut problem = Problem::new(reason, span, message);
        if self.may_guess() {
            problem = problem.did_you_mean(name, known.map(|(key, _)| key.name.as_str()));
        }
        if problem.notes.is_empty() {
            problem = problem.help(format!("define it below `{section}` at the top of the file"));
        }
        self.report.problem(problem);
    }

    /// Nobody reads the hundredth guess, and each costs a look at many names.
    fn may_guess(&self) -> bool {
        self.report.problems.len() < 100
    }

    fn has(&self, section: &str, name: &str) -> bool {
        self.project.section(section).is_some_and(|entries| entries.contains(name))
    }

    fn networks(&mut self) {
        let networks = self.service.node.get("networks").and_then(Node::mapping);
        for (key, _) in networks.into_iter().flat_map(Mapping::iter) {
            if key.name.starts_with("x-") {
                let message = format!(
                    "service `{}` refers to undefined network `{}`: keys that begin with `x-` are extensions",
                    self.service.name,
                    shown(&key.name)
                );
                self.report.problem(Problem::new(Reason::UndefinedNetwork, key.span, message));
            } else if !self.has("networks", &key.name) {
                self.undefined("networks", Reason::UndefinedNetwork, &key.name, key.span);
            }
        }
    }

    fn services(&mut self) {
        let depends = self.service.node.get("depends_on").and_then(Node::mapping);
        for (name, required) in dependencies(self.service.node) {
            if self.has("services", name) {
                continue;
            }
            let disabled = self.project.disabled.contains(name);
            if disabled && !required {
                continue;
            }
            let span = depends.and_then(|depends| depends.entry(name)).map(|(key, _)| key.span);
            self.no_service(name, disabled, span.unwrap_or(self.service.node.span));
        }
        if let Some(mode) = self.service.node.get("network_mode")
            && let Some(name) = mode.text().and_then(|text| text.strip_prefix("service:"))
            && !self.has("services", name)
        {
            self.no_service(name, self.project.disabled.contains(name), mode.span);
        }
        let contexts = self.service.node.get("build").and_then(|build| build.get("additional_contexts"));
        for (key, context) in contexts.and_then(Node::mapping).into_iter().flat_map(Mapping::iter) {
            let Some(name) = context.text().and_then(|text| text.strip_prefix("service:")) else { continue };
            match self.project.services().get(name) {
                None => self.no_service(name, self.project.disabled.contains(name), context.span),
                Some(service) if service.get("build").is_none() => {
                    let message = format!(
                        "service `{}` uses `{}` as the build context `{}`, but that service is not built",
                        self.service.name,
                        shown(name),
                        shown(&key.name)
                    );
                    self.report.problem(Problem::new(Reason::UndefinedService, context.span, message));
                }
                Some(_) => {}
            }
        }
    }

    fn no_service(&mut self, name: &str, disabled: bool, span: Span) {
        let own = self.service.name.as_str();
        let message = format!("service `{own}` depends on undefined service `{}`", shown(name));
        let mut problem = Problem::new(Reason::UndefinedService, span, message);
        if disabled {
            problem.message.push_str(": none of its profiles is active");
            problem = problem.help("name one of its profiles by `--profile`, or say `required: false`");
        } else if self.may_guess() {
            let known = self.project.services().iter().map(|(key, _)| key.name.as_str());
            problem = problem.did_you_mean(name, known);
        }
        self.report.problem(problem);
    }

    fn volumes(&mut self) {
        for volume in self.service.items("volumes") {
            if volume.get("type").and_then(Node::text) == Some("volume")
                && let Some(source) = volume.get("source")
                && let Some(name) = source.text()
                && !self.has("volumes", name)
            {
                self.undefined("volumes", Reason::UndefinedVolume, name, source.span);
            }
        }
    }

    fn sources(&mut self, section: &str, reason: Reason, mounts: &[Node]) {
        for mount in mounts {
            let source = mount.get("source").unwrap_or(mount);
            let name = source.text().unwrap_or_default();
            if !self.has(section, name) {
                self.undefined(section, reason, name, source.span);
            }
        }
    }

    fn models(&mut self) {
        let models = self.service.node.get("models").and_then(Node::mapping);
        for (key, _) in models.into_iter().flat_map(Mapping::iter) {
            if !self.has("models", &key.name) {
                self.undefined("models", Reason::UndefinedModel, &key.name, key.span);
            }
        }
    }
}
