use crate::canonical::is_address;
use crate::error::{Problem, Reason, Report, shown};
use crate::node::{Mapping, Node};

/// Checks attributes that exclude each other and values with a form of their own, in one file or a merge of them.
pub(crate) fn check_attributes(root: &Node, report: &mut Report) {
    for (name, volume) in entries(root.get("volumes")) {
        external(name, volume, report);
    }
    for (name, config) in entries(root.get("configs")) {
        source(&format!("configs.{name}"), config, &["file", "environment", "content"], report);
    }
    for (name, secret) in entries(root.get("secrets")) {
        source(&format!("secrets.{name}"), secret, &["file", "environment"], report);
    }
    for (name, service) in entries(root.get("services")) {
        self::service(name, service, report);
    }
}

fn entries(node: Option<&Node>) -> impl Iterator<Item = (&str, &Node)> {
    node.and_then(Node::mapping)
        .into_iter()
        .flat_map(Mapping::iter)
        .map(|(key, node)| (key.name.as_str(), node))
}

fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::sequence).unwrap_or_default()
}

fn external(name: &str, volume: &Node, report: &mut Report) {
    let Some(external) = volume.get("external").filter(|node| node.printed() == "true") else { return };
    for (key, _) in volume.mapping().into_iter().flat_map(Mapping::iter) {
        if !matches!(key.name.as_str(), "name" | "external") && !key.name.starts_with("x-") {
            let message = format!(
                "volume `{}` has conflicting attributes: it is `external`, so it cannot have `{}`",
                shown(name),
                shown(&key.name)
            );
            report.problem(
                Problem::new(Reason::ExclusiveAttributes, key.span, message)
                    .place(external.span, "external here"),
            );
        }
    }
}

/// A config or secret has its content from one place.
fn source(at: &str, node: &Node, keys: &[&str], report: &mut Report) {
    let Some(mapping) = node.mapping() else { return };
    let given: Vec<_> = keys.iter().filter_map(|key| mapping.entry(key)).collect();
    let named = || keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    match given.as_slice() {
        [] if mapping.contains("driver") || mapping.contains("external") => {}
        [] => {
            let message = format!("`{}` must have one of {}", shown(at), named());
            report.problem(Problem::new(Reason::MissingAttribute, node.span, message));
        }
        [_] => {}
        [first, second, ..] => {
            let message = format!("`{}` must have only one of the mutually exclusive {}", shown(at), named());
            report.problem(
                Problem::new(Reason::ExclusiveAttributes, second.0.span, message)
                    .place(first.0.span, "first here"),
            );
        }
    }
}

fn service(name: &str, service: &Node, report: &mut Report) {
    let name = shown(name);
    for port in items(service.get("ports")) {
        if let Some(host) = port.get("host_ip")
            && let Some(text) = host.text()
            && !is_address(text)
        {
            let message = format!("`host_ip` of service `{name}` must be an address, not `{}`", shown(text));
            report.problem(Problem::new(Reason::InvalidValue, host.span, message));
        }
    }
    for watch in items(service.get("develop").and_then(|develop| develop.get("watch"))) {
        if let Some(path) = watch.get("path").filter(|path| path.text() == Some("")) {
            let message = format!("a `path` below `develop.watch` of service `{name}` is empty");
            report.problem(Problem::new(Reason::InvalidValue, path.span, message));
        }
    }
    let reserved = ["deploy", "resources", "reservations", "devices"]
        .iter()
        .try_fold(service, |node, key| node.get(key));
    for device in items(reserved).iter().chain(items(service.get("gpus"))) {
        if let (Some(count), Some(ids)) = (device.get("count"), device.get("device_ids")) {
            let message =
                format!("a device of service `{name}` has mutually exclusive `count` and `device_ids`");
            report.problem(
                Problem::new(Reason::ExclusiveAttributes, ids.span, message).place(count.span, "count here"),
            );
        }
    }
}
