use perry_sandbox_compose::{Mapping, Node, Span};
use perry_sandbox_pipeline::Pull;

use super::asker::Asker;
use super::limits;
use super::table::OF_A_CLUSTER;

/// What it says is taken from the model where it is needed.
pub(super) fn nothing_more(_: &mut Asker<'_>, _: Span, _: &Node) {}

pub(super) fn deploy(asker: &mut Asker<'_>, _: Span, node: &Node) {
    let entries = |node: &Node| -> Vec<(String, Span)> {
        let entries = node.mapping().into_iter().flat_map(Mapping::iter);
        let entries = entries.filter(|(key, _)| !key.name.starts_with('#'));
        entries.map(|(key, _)| (key.name.clone(), key.span)).collect()
    };
    for (key, span) in entries(node) {
        let replicated = node.get("mode").and_then(Node::text) == Some("replicated");
        match key.as_str() {
            "replicas" | "labels" | "resources" | "restart_policy" => {}
            "mode" if replicated => {}
            "placement" if node.get("placement").is_some_and(|placement| entries(placement).is_empty()) => {}
            _ => asker.not_yet(span, &format!("deploy.{key}"), OF_A_CLUSTER),
        }
    }
    if let Some(policy) = node.get("restart_policy") {
        for (key, span) in entries(policy) {
            if matches!(key.as_str(), "delay" | "window") {
                asker.not_yet(
                    span,
                    &format!("deploy.restart_policy.{key}"),
                    "leave it out: pauses grow by themselves",
                );
            }
        }
    }
    resources(asker, node, entries);
    let span = node.span;
    limits::memory(asker, span, node);
    limits::cpus(asker, span, node);
    limits::pids(asker, span, node);
}

fn resources(asker: &mut Asker<'_>, deploy: &Node, entries: impl Fn(&Node) -> Vec<(String, Span)>) {
    let Some(resources) = deploy.get("resources") else { return };
    if let Some(limits) = resources.get("limits") {
        for (key, span) in entries(limits) {
            if !matches!(key.as_str(), "cpus" | "memory" | "pids") {
                asker.not_yet(span, &format!("deploy.resources.limits.{key}"), "leave it out");
            }
        }
    }
    if let Some(reservations) = resources.get("reservations") {
        for (key, span) in entries(reservations) {
            let attribute = format!("deploy.resources.reservations.{key}");
            asker.not_yet(span, &attribute, "leave it out: nothing is reserved, limits are held");
        }
    }
}

pub(super) fn isolation(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let isolation = node.text().unwrap_or_default();
    if isolation != "default" {
        asker.never(
            span,
            &format!("isolation: {isolation}"),
            "it is about Windows",
            "ask for a tier: `x-perry-tier`",
        );
    }
}

pub(super) fn platform(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let text = node.text().unwrap_or_default();
    match text.parse() {
        Ok(platform) => asker.demand.platform = Some(platform),
        Err(error) => {
            asker.never(span, &format!("platform: {text}"), &format!("{error}"), "write it as `linux/amd64`");
        }
    }
}

pub(super) fn pull_policy(asker: &mut Asker<'_>, span: Span, node: &Node) {
    let text = node.text().unwrap_or_default();
    match text {
        "always" => asker.demand.pull = Pull::Always,
        "never" => asker.demand.pull = Pull::Never,
        "missing" | "if_not_present" => asker.demand.pull = Pull::Missing,
        "daily" | "weekly" | "refresh" => refreshed(asker),
        text if text.starts_with("every_") => refreshed(asker),
        "build" if asker.service.attributes.contains_key("build") => {
            asker.note("it is built where that is asked for: by `build`, or by `up --build`");
        }
        _ => asker.not_yet(span, &format!("pull_policy: {text}"), "write `always`, `missing` or `never`"),
    }
}

/// More often than it is wanted: whoever wants an image no older than a week gets none older than the moment.
fn refreshed(asker: &mut Asker<'_>) {
    asker.demand.pull = Pull::Always;
    asker.note("the registry is asked each time, and not only when the image has its age");
}
