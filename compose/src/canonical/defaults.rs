use crate::error::Report;
use crate::node::{Mapping, Node, Value};

/// Puts in what an author may leave out: a build's context, a port's protocol and mode, a secret's target, a device's
/// count.
pub(crate) fn set_defaults(root: &mut Node, _report: &mut Report) {
    let Some(services) = root.get_mut("services").and_then(Node::mapping_mut) else { return };
    for (_, service) in services.iter_mut() {
        if let Some(service) = service.mapping_mut() {
            self::service(service);
        }
    }
}

fn service(service: &mut Mapping) {
    if let Some(build) = service.get_mut("build") {
        let context = build.text_here(".");
        if let Some(build) = build.mapping_mut().filter(|build| !build.contains("context")) {
            build.put("context", context);
        }
    }
    for secret in items(service.get_mut("secrets")) {
        let source = secret.get("source").and_then(Node::text).unwrap_or_default();
        let target = secret.text_here(format!("/run/secrets/{source}"));
        absent(secret, "target", target);
    }
    for port in items(service.get_mut("ports")) {
        let (protocol, mode) = (port.text_here("tcp"), port.text_here("ingress"));
        absent(port, "protocol", protocol);
        absent(port, "mode", mode);
    }
    let reserved = ["resources", "reservations", "devices"]
        .iter()
        .try_fold(service.get_mut("deploy"), |node, key| Some(node?.get_mut(key)))
        .flatten();
    items(reserved).iter_mut().for_each(device);
    items(service.get_mut("gpus")).iter_mut().for_each(device);
}

fn device(device: &mut Node) {
    if device.get("device_ids").is_none() {
        let all = device.text_here("all");
        absent(device, "count", all);
    }
}

fn absent(node: &mut Node, key: &str, value: Node) {
    if let Some(mapping) = node.mapping_mut().filter(|mapping| !mapping.contains(key)) {
        mapping.put(key, value);
    }
}

fn items(node: Option<&mut Node>) -> &mut [Node] {
    match node.map(|node| &mut node.value) {
        Some(Value::Sequence(items)) => items,
        _ => &mut [],
    }
}
