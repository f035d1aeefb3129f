use std::collections::HashMap;

use super::{cycle, references};
use crate::error::{Problem, Reason, Report, shown};
use crate::node::{Mapping, Node, Span, Value};
use crate::project::{Project, sorted};

/// A service on the way through the checks.
pub(super) struct Service<'a> {
    /// Its name, as messages show it.
    pub(super) name: String,
    pub(super) node: &'a Node,
    span: Span,
}

/// Checks what needs the whole model: references, cycles, and attributes that speak of the same thing.
pub(crate) fn check_project(project: &Project, report: &mut Report) {
    for (name, node) in sorted(project.services()) {
        let span = project.services().entry(name).map_or(node.span, |(key, _)| key.span);
        let service = Service { name: shown(name), node, span };
        service.source(report);
        service.build(report);
        service.network_mode(report);
        service.health(report);
        service.scale(report);
        service.limits(report);
        service.watches(report);
        service.mounts(report);
        references::check(project, &service, report);
    }
    for (name, secret) in project.section("secrets").map(sorted).unwrap_or_default() {
        if ["external", "file", "environment"].iter().all(|key| secret.get(key).is_none()) {
            let message = format!("secret `{}` must have `file` or `environment`", shown(name));
            report.problem(Problem::new(Reason::MissingAttribute, secret.span, message));
        }
    }
    if !report.failed() {
        cycle::check(project, report);
    }
}

/// Where a service says its scale, its deployment says the same.
pub(crate) fn agree_on_replicas(project: &mut Project) {
    for (_, service) in project.services_mut().into_iter().flat_map(Mapping::iter_mut) {
        if let Some(scale) = service.get("scale").cloned()
            && let Some(deploy) = service.get_mut("deploy").and_then(Node::mapping_mut)
        {
            deploy.put("replicas", scale);
        }
    }
}

impl Service<'_> {
    /// The items of a list.
    pub(super) fn items(&self, key: &str) -> &[Node] {
        self.node.get(key).and_then(Node::sequence).unwrap_or_default()
    }

    fn has(&self, key: &str) -> bool {
        self.node.get(key).is_some()
    }

    fn tell(&self, reason: Reason, node: Option<&Node>, message: String, report: &mut Report) {
        report.problem(Problem::new(reason, node.map_or(self.span, |node| node.span), message));
    }

    fn source(&self, report: &mut Report) {
        if !["image", "build", "provider"].iter().any(|key| self.has(key)) {
            let message = format!("service `{}` has neither `image` nor `build`", self.name);
            self.tell(Reason::MissingAttribute, None, message, report);
        }
    }

    fn build(&self, report: &mut Report) {
        let Some(build) = self.node.get("build") else { return };
        if build.get("dockerfile").is_some()
            && let Some(inline) = build.get("dockerfile_inline")
        {
            let message = format!(
                "service `{}` declares mutually exclusive `dockerfile` and `dockerfile_inline`",
                self.name
            );
            self.tell(Reason::ExclusiveAttributes, Some(inline), message, report);
        }
        let platforms = build.get("platforms").and_then(Node::sequence).unwrap_or_default();
        if let Some(platform) = self.node.get("platform")
            && !platforms.is_empty()
            && !platforms.iter().any(|one| one.text() == platform.text())
        {
            let message = format!("`build.platforms` of service `{}` must have its `platform`", self.name);
            self.tell(Reason::Conflict, Some(platform), message, report);
        }
    }

    fn network_mode(&self, report: &mut Report) {
        if let Some(mode) = self.node.get("network_mode")
            && self.has("networks")
        {
            let message =
                format!("service `{}` declares mutually exclusive `network_mode` and `networks`", self.name);
            self.tell(Reason::ExclusiveAttributes, Some(mode), message, report);
        }
    }

    fn health(&self, report: &mut Report) {
        let test = self.node.get("healthcheck").and_then(|check| check.get("test"));
        let first = test.and_then(Node::sequence).and_then(<[Node]>::first);
        if let Some(first) = first
            && !matches!(first.text(), Some("CMD" | "CMD-SHELL" | "NONE"))
        {
            let message = format!(
                "`healthcheck.test` of service `{}` must begin with `CMD`, `CMD-SHELL` or `NONE`",
                self.name
            );
            self.tell(Reason::InvalidValue, Some(first), message, report);
        }
    }

    fn scale(&self, report: &mut Report) {
        let number = |node: Option<&Node>| match node.map(|node| &node.value) {
            Some(Value::Integer(number)) => Some(*number),
            _ => None,
        };
        let deploy = self.node.get("deploy");
        let (scale, replicas) = (self.node.get("scale"), deploy.and_then(|deploy| deploy.get("replicas")));
        if let (Some(one), Some(other)) = (number(scale), number(replicas))
            && one != other
        {
            let message = format!("service `{}` has another `scale` than `deploy.replicas`", self.name);
            self.tell(Reason::Conflict, scale, message, report);
        }
        let wanted = number(scale).or(number(replicas));
        let place = scale.or(replicas);
        if wanted.is_some_and(|wanted| wanted < 0) {
            let message = format!("service `{}` cannot run fewer than 0 times", self.name);
            self.tell(Reason::InvalidValue, place, message, report);
        }
        if wanted.is_some_and(|wanted| wanted > 1) && self.has("container_name") {
            let message =
                format!("service `{}` has a `container_name`, so it cannot run more than once", self.name);
            self.tell(Reason::ExclusiveAttributes, place, message, report);
        }
    }

    /// A limit said twice must be the same.
    fn limits(&self, report: &mut Report) {
        let resources = self.node.get("deploy").and_then(|deploy| deploy.get("resources"));
        for (key, part, other) in [
            ("cpus", "limits", "cpus"),
            ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"),
            ("pids_limit", "limits", "pids"),
        ] {
            let there = resources.and_then(|resources| resources.get(part));
            if let (Some(one), Some(there)) = (self.node.get(key), there)
                && there.get(other).is_none_or(|two| two.value != one.value)
            {
                let message = format!(
                    "service `{}` has another `{key}` than `deploy.resources.{part}.{other}`",
                    self.name
                );
                self.tell(Reason::Conflict, Some(one), message, report);
            }
        }
    }

    fn watches(&self, report: &mut Report) {
        let watches = self.node.get("develop").and_then(|develop| develop.get("watch"));
        for watch in watches.and_then(Node::sequence).unwrap_or_default() {
            let action = watch.get("action").and_then(Node::text);
            let target = watch.get("target").and_then(Node::text).unwrap_or_default();
            if target.is_empty() && !matches!(action, Some("rebuild" | "restart")) {
                let message = format!("a watch of service `{}` must have a `target`", self.name);
                self.tell(Reason::MissingAttribute, Some(watch), message, report);
            }
        }
    }

    fn mounts(&self, report: &mut Report) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        let tmpfs = self.items("tmpfs").iter().map(|node| {
            let text = node.text().unwrap_or_default();
            (text.split(':').next().unwrap_or_default(), node)
        });
        let volumes = self
            .items("volumes")
            .iter()
            .map(|node| (node.get("target").and_then(Node::text).unwrap_or_default(), node));
        for (target, node) in tmpfs.chain(volumes) {
            if let Some(first) = seen.insert(target, node.span) {
                let message = format!("service `{}` has two mounts at `{}`", self.name, shown(target));
                report.problem(Problem::new(Reason::Conflict, node.span, message).place(first, "first here"));
            }
        }
    }
}
