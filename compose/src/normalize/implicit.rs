use std::collections::BTreeMap;

use crate::error::Report;
use crate::files::clean;
use crate::node::{Mapping, Node, Value};

/// The environment of a project.
type Environment = BTreeMap<String, String>;

/// Adds the default network, dependencies implied by links and shared namespaces, names of resources, build defaults.
pub(crate) fn normalize(root: &mut Node, project: &str, environment: &Environment, _report: &mut Report) {
    let name = root.text_here(project);
    if let Some(root) = root.mapping_mut() {
        root.put("name", name);
    }
    networks(root);
    for (_, service) in entries(root.get_mut("services")) {
        if let Some(service) = service.mapping_mut() {
            self::service(service, environment);
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        for (key, resource) in entries(root.get_mut(section)) {
            named(resource, &key.name, project);
        }
    }
}

fn entries(node: Option<&mut Node>) -> impl Iterator<Item = (&crate::node::Key, &mut Node)> {
    node.and_then(Node::mapping_mut).into_iter().flat_map(Mapping::iter_mut)
}

fn networks(root: &mut Node) {
    let mut used = None;
    for (_, service) in entries(root.get_mut("services")) {
        let span = service.span;
        let Some(service) = service.mapping_mut() else { continue };
        if service.contains("provider") || service.contains("network_mode") {
            continue;
        }
        let own = service.get("networks").and_then(Node::mapping).filter(|own| !own.is_empty());
        if own.is_none_or(|own| own.contains("default")) {
            used = Some(span);
        }
        if own.is_none() {
            let mut default = Mapping::default();
            default.put("default", Node::new(span, Value::Null));
            service.put("networks", Node::new(span, Value::Mapping(default)));
        }
    }
    let (Some(span), Some(root)) = (used, root.mapping_mut()) else { return };
    if root.get("networks").and_then(Node::mapping).is_none() {
        root.put("networks", Node::new(span, Value::Mapping(Mapping::default())));
    }
    if let Some(networks) = root.get_mut("networks").and_then(Node::mapping_mut)
        && !networks.contains("default")
    {
        networks.put("default", Node::new(span, Value::Null));
    }
}

fn service(service: &mut Mapping, environment: &Environment) {
    if let Some(policy) = service.get_mut("pull_policy")
        && policy.text() == Some("if_not_present")
    {
        *policy = policy.text_here("missing");
    }
    if let Some(build) = service.get_mut("build") {
        self::build(build, environment);
    }
    if let Some(variables) = service.get_mut("environment") {
        resolve(variables, environment, true);
    }
    dependencies(service);
    for volume in service.get_mut("volumes").and_then(Node::sequence_mut).into_iter().flatten() {
        if let Some(target) = volume.get_mut("target")
            && let Some(text) = target.text()
        {
            *target = target.text_here(clean(text));
        }
    }
}

fn build(build: &mut Node, environment: &Environment) {
    let (context, dockerfile) = (build.text_here("."), build.text_here("Dockerfile"));
    let Some(build) = build.mapping_mut() else { return };
    let absent = |build: &Mapping, key: &str| build.get(key).is_none_or(Node::is_null);
    if absent(build, "context") {
        build.put("context", context);
    }
    if absent(build, "dockerfile") && absent(build, "dockerfile_inline") {
        build.put("dockerfile", dockerfile);
    }
    if let Some(arguments) = build.get_mut("args") {
        resolve(arguments, environment, false);
    }
}

/// Gives names without a value the environment's; those that it does not have stay only with `keep`.
fn resolve(variables: &mut Node, environment: &Environment, keep: bool) {
    match &mut variables.value {
        Value::Mapping(mapping) => mapping.retain(|key, value| {
            if value.is_null()
                && let Some(found) = environment.get(&key.name)
            {
                *value = value.text_here(found.clone());
            }
            keep || !value.is_null()
        }),
        Value::Sequence(items) => items.retain_mut(|item| {
            let Some(text) = item.text() else { return false };
            if text.contains('=') {
                return true;
            }
            match environment.get(text) {
                Some(found) => {
                    *item = item.text_here(format!("{text}={found}"));
                    true
                }
                None => keep,
            }
        }),
        _ => {}
    }
}

/// A service that uses another's network, volumes or processes starts after it.
fn dependencies(service: &mut Mapping) {
    let mut implied: Vec<(String, &Node, bool)> = Vec::new();
    for link in texts(service.get("links")) {
        let text = link.text().unwrap_or_default();
        let mut parts = text.split(':');
        let first = parts.next().unwrap_or_default();
        let pair = parts.next().is_some() && parts.next().is_none();
        implied.push((if pair { first } else { text }.to_owned(), link, true));
    }
    for namespace in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(namespace)
            && let Some(name) = node.text().and_then(|text| text.strip_prefix("service:"))
        {
            implied.push((name.to_owned(), node, true));
        }
    }
    for from in texts(service.get("volumes_from")) {
        let text = from.text().unwrap_or_default();
        if !text.starts_with("container:") {
            let name = text.split(':').next().unwrap_or_default();
            implied.push((name.to_owned(), from, false));
        }
    }
    let implied: Vec<(String, Node)> = implied
        .into_iter()
        .map(|(name, node, restart)| {
            let truth = |value| Node::new(node.span, Value::Bool(value));
            let mut dependency = Mapping::default();
            dependency.put("condition", node.text_here("service_started"));
            dependency.put("restart", truth(restart));
            dependency.put("required", truth(true));
            (name, Node::new(node.span, Value::Mapping(dependency)))
        })
        .collect();
    let Some((_, first)) = implied.first() else { return };
    if service.get("depends_on").and_then(Node::mapping).is_none() {
        service.put("depends_on", Node::new(first.span, Value::Mapping(Mapping::default())));
    }
    let Some(known) = service.get_mut("depends_on").and_then(Node::mapping_mut) else { return };
    for (name, dependency) in implied {
        if !known.contains(&name) {
            known.put(&name, dependency);
        }
    }
}

fn texts(node: Option<&Node>) -> impl Iterator<Item = &Node> {
    node.and_then(Node::sequence).into_iter().flatten().filter(|item| item.text().is_some())
}

/// What has no name of its own has the project's and its key; what is external has its key.
fn named(resource: &mut Node, key: &str, project: &str) {
    if resource.is_null() {
        resource.value = Value::Mapping(Mapping::default());
    }
    let external = match resource.get("external").map(|external| &external.value) {
        Some(Value::Bool(external)) => *external,
        Some(Value::Text(text)) => matches!(text.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True"),
        _ => false,
    };
    let name = resource.text_here(if external { key.to_owned() } else { format!("{project}_{key}") });
    if let Some(resource) = resource.mapping_mut()
        && resource.get("name").is_none_or(Node::is_null)
    {
        resource.put("name", name);
    }
}
