//! What a text is, by its content.

use perry_sandbox_compose::{Mapping, Node, Value};

use crate::launch::is_workload;
use crate::seccomp::has_own_schema;

/// How a seccomp profile is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileForm {
    /// Docker's JSON, which podman and containerd read as well.
    Docker,
    /// The JSON of seccompiler, as Firecracker has it: filters by thread.
    Seccompiler,
    /// The YAML of the Kubernetes operator.
    Operator,
    /// Our own TOML.
    Own,
}

/// How a trust policy is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustForm {
    /// `policy.json` of containers/image.
    PolicyJson,
    /// `ClusterImagePolicy` of policy-controller.
    ClusterImagePolicy,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A policy of ours.
    Policy,
    /// A Compose file.
    Compose,
    /// A Pod, or what makes Pods.
    Pod,
    /// A seccomp profile.
    Profile(ProfileForm),
    /// A trust policy.
    Trust(TrustForm),
}

impl Kind {
    /// What it is called in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Compose => "Compose file",
            Self::Pod => "Pod",
            Self::Profile(_) => "seccomp profile",
            Self::Trust(_) => "trust policy",
        }
    }
}

/// What can be said without building a tree: a policy by its schema, and a Compose file by the keys at its margin.
pub(super) fn at_first_sight(text: &str) -> Option<Kind> {
    if has_own_schema(text) {
        return Some(Kind::Profile(ProfileForm::Own));
    }
    if has_policy_schema(text) {
        return Some(Kind::Policy);
    }
    let margin = |key: &str| text.lines().any(|line| line.starts_with(key));
    (margin("services:") && !margin("apiVersion:") && !margin("kind:")).then_some(Kind::Compose)
}

/// Whether a name says TOML: of that form only policies are audited.
pub(super) fn is_toml(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case("toml"))
}

/// Whether a line begins a table that only policies have: a policy that says no schema is still one, and refused.
pub(super) fn has_policy_table(text: &str) -> bool {
    let tables = ["[tier.", "[signer.", "[capability.", "[trust-root."];
    text.lines().any(|line| tables.iter().any(|table| line.trim_start().starts_with(table)))
}

/// Whether a line says `schema = "perry-sandbox/policy…"`, as TOML or JSON.
fn has_policy_schema(text: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim_start().trim_start_matches(['{', '"', ' ']);
        let value =
            line.strip_prefix("schema").map(|rest| rest.trim_start_matches(['"', ' ', '\t', '=', ':']));
        value.is_some_and(|value| value.starts_with("perry-sandbox/policy"))
    })
}

/// What the documents of a YAML or JSON text are.
pub(crate) fn by_tree(documents: &[Node]) -> Option<Kind> {
    let first = documents.iter().find(|document| document.mapping().is_some())?;
    let kind = first.get("kind").and_then(Node::text);
    if first.get("defaultAction").is_some() {
        Some(Kind::Profile(ProfileForm::Docker))
    } else if kind == Some("SeccompProfile") {
        Some(Kind::Profile(ProfileForm::Operator))
    } else if documents
        .iter()
        .any(|document| document.get("kind").and_then(Node::text) == Some("ClusterImagePolicy"))
    {
        Some(Kind::Trust(TrustForm::ClusterImagePolicy))
    } else if documents.iter().any(is_workload) {
        Some(Kind::Pod)
    } else if first.get("default").is_some_and(is_requirements) {
        Some(Kind::Trust(TrustForm::PolicyJson))
    } else if is_seccompiler(first) {
        Some(Kind::Profile(ProfileForm::Seccompiler))
    } else if kind.is_none() && is_compose(first) {
        Some(Kind::Compose)
    } else {
        None
    }
}

/// Keys of a Compose file.
const COMPOSE: [&str; 9] =
    ["version", "name", "services", "networks", "volumes", "secrets", "configs", "models", "include"];

/// Other files have an `include` too.
fn is_compose(document: &Node) -> bool {
    let mut keys = document.mapping().into_iter().flat_map(Mapping::iter).map(|(key, _)| key.name.as_str());
    let known = |key: &str| COMPOSE.contains(&key) || key.starts_with("x-");
    document.get("services").is_some() || document.get("include").is_some() && keys.all(known)
}

fn is_requirements(node: &Node) -> bool {
    matches!(&node.value, Value::Sequence(items) if items.iter().any(|item| item.get("type").is_some()))
}

fn is_seccompiler(document: &Node) -> bool {
    let filters = document.mapping().into_iter().flat_map(Mapping::iter);
    let mut some = false;
    for (_, filter) in filters {
        let default = filter.get("default_action").or_else(|| filter.get("mismatch_action"));
        if default.is_none() || filter.get("filter").is_none() {
            return false;
        }
        some = true;
    }
    some
}
