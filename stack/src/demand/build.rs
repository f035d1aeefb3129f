use std::collections::BTreeMap;
use std::path::PathBuf;

use perry_sandbox_compose::{Mapping, Node, Span};
use perry_sandbox_policy::BuildNetwork;
use perry_sandbox_reference::Platform;

use super::RefusedField;
use super::asker::Asker;
use crate::model::{is_true, text};

/// What a service's file says of its build. Whether anything is built is the policy's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildDemand {
    /// Where it stands.
    pub span: Span,
    /// The folder that is read, as the file has it.
    pub context: String,
    /// The file of the steps, by its path below the context.
    pub dockerfile: PathBuf,
    /// The steps, where the file has them itself.
    pub inline: Option<String>,
    /// Arguments of the steps. Those without a value are taken from the environment by nobody.
    pub args: BTreeMap<String, String>,
    /// The stage that is wanted.
    pub target: Option<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Whether everything is done anew.
    pub no_cache: bool,
    /// Whether images that it begins with are always pulled.
    pub pull: bool,
    /// The most that it reaches.
    pub network: BuildNetwork,
    /// The platform.
    pub platform: Option<Platform>,
    /// What of it is refused, whoever grants the rest.
    pub refused: Vec<RefusedField>,
}

impl BuildDemand {
    /// What it reaches where the policy grants that: a file may ask for less.
    pub fn network(&self, granted: BuildNetwork) -> BuildNetwork {
        self.network.min(granted)
    }
}

const NEVER: [(&str, &str); 5] = [
    ("entitlements", "they take walls away from the build"),
    ("privileged", "it takes every wall away from the build"),
    ("secrets", "a build keeps what it is given in its layers"),
    ("ssh", "a build would speak with the user's keys"),
    ("isolation", "it is about Windows"),
];

/// Reads the section. Where an image is named beside it, what is refused of it counts once it is built.
pub(super) fn build(asker: &mut Asker<'_>, span: Span, node: &Node) {
    // What is refused from here on is the build's.
    let others = std::mem::take(&mut asker.demand.refused);
    let mut build = BuildDemand {
        span,
        context: text(node, "context").unwrap_or_default(),
        dockerfile: text(node, "dockerfile").unwrap_or_else(|| "Dockerfile".to_owned()).into(),
        inline: text(node, "dockerfile_inline"),
        args: texts(node, "args"),
        target: text(node, "target").filter(|target| !target.is_empty()),
        labels: texts(node, "labels"),
        no_cache: is_true(node, "no_cache"),
        pull: is_true(node, "pull"),
        network: if is_without_network(node) { BuildNetwork::None } else { BuildNetwork::Builder },
        platform: platform(asker, node),
        refused: Vec::new(),
    };
    for (key, at) in entries(node) {
        part(asker, node, &key, at);
    }
    build.refused = std::mem::replace(&mut asker.demand.refused, others);
    if asker.service.container.image.is_none() {
        asker.demand.refused.extend(build.refused.iter().cloned());
    }
    asker.demand.build = Some(build);
}

fn part(asker: &mut Asker<'_>, node: &Node, key: &str, span: Span) {
    let attribute = format!("build.{key}");
    match key {
        "context" | "dockerfile" | "dockerfile_inline" | "args" | "target" | "labels" | "no_cache"
        | "pull" | "platforms" => {}
        "network" if is_without_network(node) => {}
        "network" => {
            let instead = "leave it out: the policy says what a build reaches";
            asker.never(span, &attribute, "a file cannot give its build a network", instead);
        }
        "privileged" if !is_true(node, key) => {}
        _ => match NEVER.iter().find(|(never, _)| *never == key) {
            Some((_, why)) => asker.never(span, &attribute, why, "leave it out"),
            None => asker.not_yet(span, &attribute, "leave it out"),
        },
    }
}

fn is_without_network(node: &Node) -> bool {
    text(node, "network").as_deref() == Some("none")
}

fn platform(asker: &mut Asker<'_>, node: &Node) -> Option<Platform> {
    let wanted = asker.service.attributes.get("platform").map(|(_, node)| node);
    let list = node.get("platforms").and_then(Node::sequence).unwrap_or_default();
    let first = list.first();
    if let Some(second) = list.get(1) {
        asker.not_yet(second.span, "build.platforms", "name one: an image is built for where it runs");
    }
    let named = first.or(wanted)?;
    let platform = named.text().and_then(|text| text.parse().ok());
    if platform.is_none() {
        asker.never(named.span, "build.platforms", "it is no platform", "write it as `linux/amd64`");
    }
    platform
}

fn entries(node: &Node) -> Vec<(String, Span)> {
    let entries = node.mapping().into_iter().flat_map(Mapping::iter);
    let entries = entries.filter(|(key, _)| !key.name.starts_with('#') && !key.name.starts_with("x-"));
    entries.map(|(key, _)| (key.name.clone(), key.span)).collect()
}

fn texts(node: &Node, key: &str) -> BTreeMap<String, String> {
    let entries = node.get(key).and_then(Node::mapping).into_iter().flat_map(Mapping::iter);
    entries.filter_map(|(key, value)| Some((key.name.clone(), value.text()?.to_owned()))).collect()
}
