use std::time::Duration;

use perry_sandbox_engine::Until;
use perry_sandbox_pipeline::Pull;
use perry_sandbox_policy::{IsolationLevel, SecretName, TierName, VolumeMount};
use serde_json::Value;

use super::checks::Draft;
use super::graph::CONDITIONS;
use super::object::{Found, MOST_ENTRIES, Object, quoted, text_of};
use super::{parts, variable};
use crate::model::{Network, Node};

/// Tiers whose nodes are in no network, as upstream says.
const WITHOUT_NETWORK: [&str; 2] = ["isolated", "untrusted"];

/// Reads a node.
pub(super) fn read(id: &str, value: &Value, at: String, found: &mut Found) -> Option<Draft> {
    let mut object = Object::of(value, at, found)?;
    names(&mut object, id, found);
    object.require("image", "a node is an image", found);
    let image = object.text("image", found);
    if image == Some("") {
        found.add(&object.place("image"), "is empty");
    }
    let (entrypoint, args) = command(&mut object, found);
    let (env, references) = variable::read(&mut object, found);
    let policy = policy(&mut object, found);
    let isolation = runtime(&mut object, found);
    if let (Some(a), Some(b)) = (isolation, policy.isolation)
        && a != b
    {
        found.add(&object.place("runtime"), format_args!("asks for {a}, and the policy for {b}"));
    }
    let words = [("none", Network::None), ("graph", Network::OfTheGraph)];
    let network = object.word("network", &words, found);
    if network == Some(Network::OfTheGraph) && policy.network == Some(Network::None) {
        found.add(&object.place("network"), "is asked for, and the node's policy says that it has none");
    }
    let limits = parts::limits(&mut object, found);
    let node = Node {
        image: image.unwrap_or_default().to_owned(),
        entrypoint,
        args,
        env,
        user: user(&mut object, found),
        workdir: object.text("workdir", found).map(str::to_owned),
        ports: parts::ports(&mut object, found),
        volumes: volumes(&mut object, found),
        secrets: secrets(&mut object, found),
        network: policy.network.or(network).unwrap_or(Network::OfTheGraph),
        egress: object.texts("egress", found),
        tier: policy.tier,
        isolation: isolation.or(policy.isolation),
        read_only: policy.read_only,
        limits,
        upkeep: parts::upkeep(&mut object, found),
        stop_grace: object.count("stopGraceMs", found).map(Duration::from_millis),
        platform: object.parsed("platform", found),
        pull: pull(&mut object, found),
    };
    let needs = needs(&mut object, found);
    object.finish(found);
    Some(Draft { node, at: object.at, needs, references })
}

/// `id` and `name` of upstream say nothing new, and must not say anything else.
fn names(object: &mut Object<'_>, id: &str, found: &mut Found) {
    for field in ["id", "name"] {
        if let Some(other) = object.text(field, found).filter(|other| *other != id) {
            let (other, at) = (quoted(other), object.place(field));
            found.add(&at, format_args!("is `{other}`, and the node is called `{}`", quoted(id)));
        }
    }
}

/// `entrypoint` and `command`, or `cmd`.
fn command(object: &mut Object<'_>, found: &mut Found) -> (Option<String>, Vec<String>) {
    let entrypoint = object.text("entrypoint", found).map(str::to_owned);
    let (command, cmd) = (object.texts("command", found), object.texts("cmd", found));
    if !command.is_empty() && !cmd.is_empty() {
        found.add(&object.place("cmd"), "means the same as `command`: give one of the two");
    }
    (entrypoint, if command.is_empty() { cmd } else { command })
}

/// SECURITY: a name would be looked up in the image's own list of users, which may call anybody 0.
fn user(object: &mut Object<'_>, found: &mut Found) -> Option<String> {
    let text = object.text("user", found)?;
    let (user, group) = text.split_once(':').unwrap_or((text, text));
    if user.parse::<u32>().is_ok() && group.parse::<u32>().is_ok() {
        return Some(format!("{user}:{group}"));
    }
    found.add(&object.place("user"), "is expected to be a user's number, as `1000` or `1000:1000`");
    None
}

fn pull(object: &mut Object<'_>, found: &mut Found) -> Pull {
    let words = [("missing", Pull::Missing), ("always", Pull::Always), ("never", Pull::Never)];
    object.word("pull", &words, found).unwrap_or_default()
}

fn volumes(object: &mut Object<'_>, found: &mut Found) -> Vec<VolumeMount> {
    let list = object.list("volumes", found);
    list.into_iter().filter_map(|(at, item)| parts::volume(text_of(item, &at, found)?, &at, found)).collect()
}

fn secrets(object: &mut Object<'_>, found: &mut Found) -> Vec<SecretName> {
    let list = object.list("secrets", found);
    let mut names: Vec<SecretName> = Vec::new();
    for (at, item) in list {
        match text_of(item, &at, found).map(str::parse::<SecretName>) {
            Some(Ok(name)) if names.contains(&name) => found.add(&at, "is there twice"),
            Some(Ok(name)) => names.push(name),
            Some(Err(error)) => found.add(&at, error),
            None => {}
        }
    }
    names
}

/// `dependsOn`: a list of nodes, or an object of nodes and how far each must be.
fn needs(object: &mut Object<'_>, found: &mut Found) -> Vec<(String, Until, String)> {
    let mut needs = Vec::new();
    match object.take("dependsOn") {
        Some(Value::Object(_)) => {
            for (id, at, value) in object.entries("dependsOn", MOST_ENTRIES, found) {
                let Some(mut how) = Object::of(value, at.clone(), found) else { continue };
                let until = how.word("condition", &CONDITIONS, found).unwrap_or(Until::Started);
                how.finish(found);
                needs.push((id.clone(), until, at));
            }
        }
        Some(_) => {
            for (at, item) in object.list("dependsOn", found) {
                if let Some(id) = text_of(item, &at, found) {
                    needs.push((id.to_owned(), Until::Started, at));
                }
            }
        }
        None => {}
    }
    needs
}

/// `runtime`: text, or `{type}` as upstream's helpers make it.
fn runtime(object: &mut Object<'_>, found: &mut Found) -> Option<IsolationLevel> {
    let words = [
        ("auto", None),
        ("oci", Some(IsolationLevel::Oci)),
        ("gvisor", Some(IsolationLevel::Gvisor)),
        ("microvm", Some(IsolationLevel::Microvm)),
        ("wasm", Some(IsolationLevel::Wasm)),
    ];
    if matches!(object.take("runtime"), Some(Value::Object(_))) {
        let mut inner = object.object("runtime", found)?;
        inner.require("type", "`auto`, `oci`, `gvisor`, `microvm` or `wasm`", found);
        let level = inner.word("type", &words, found);
        inner.finish(found);
        return level.flatten();
    }
    object.word("runtime", &words, found).flatten()
}

/// What a node's policy says: a floor, to which flags add.
#[derive(Default)]
struct Floor {
    tier: Option<TierName>,
    network: Option<Network>,
    read_only: bool,
    isolation: Option<IsolationLevel>,
}

/// `policy`: a tier, or `{tier?, noNetwork?, readOnlyRoot?, seccomp?, microvm?}`.
fn policy(object: &mut Object<'_>, found: &mut Found) -> Floor {
    let mut floor = Floor::default();
    if matches!(object.take("policy"), Some(Value::Object(_))) {
        let Some(mut inner) = object.object("policy", found) else { return floor };
        floor.tier = inner.parsed("tier", found);
        floor.network = inner.flag("noNetwork", found).filter(|no| *no).map(|_| Network::None);
        floor.read_only = inner.flag("readOnlyRoot", found).unwrap_or_default();
        let microvm = inner.flag("microvm", found).unwrap_or_default();
        floor.isolation = microvm.then_some(IsolationLevel::Microvm);
        if inner.flag("seccomp", found) == Some(false) {
            found.add(&inner.place("seccomp"), "cannot be false: no program runs without a filter");
        }
        inner.finish(found);
    } else {
        floor.tier = object.parsed("policy", found);
    }
    if floor.tier.as_ref().is_some_and(|tier| WITHOUT_NETWORK.contains(&tier.as_str())) {
        floor.network = Some(Network::None);
    }
    floor
}
