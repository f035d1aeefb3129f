//! `ClusterImagePolicy` of policy-controller.

use perry_sandbox_compose::{Node, Value};

use super::model::{Demand, DemandKind, Identity, IdentityPart, KeySource, TrustRule};
use crate::place::Placed;
use crate::shape::Shape;

const SPEC: [&str; 5] = ["images", "authorities", "match", "mode", "policy"];
const AUTHORITY: [&str; 9] = [
    "name",
    "key",
    "keyless",
    "static",
    "ctlog",
    "rfc3161timestamp",
    "source",
    "attestations",
    "signatureFormat",
];
const KEYLESS: [&str; 6] = ["url", "identities", "ca-cert", "trustRootRef", "insecureIgnoreSCT", "ca"];
/// The certificate authority of the public-good instance.
const PUBLIC: [&str; 2] = ["https://fulcio.sigstore.dev", "https://fulcio.sigstore.dev/"];
/// Its transparency log.
const PUBLIC_LOGS: [&str; 2] = ["https://rekor.sigstore.dev", "https://rekor.sigstore.dev/"];

/// Reads a document; those of other kinds are left alone.
pub(super) fn read(shape: &mut Shape<'_>, document: &Node, rules: &mut Vec<TrustRule>) {
    if document.get("kind").and_then(Node::text) != Some("ClusterImagePolicy") {
        return;
    }
    let Some(spec) = document.get("spec") else {
        shape.wrong(shape.place(document), "a `ClusterImagePolicy` has a `spec`");
        return;
    };
    shape.keys(spec, &SPEC);
    let name = document.get("metadata").and_then(|metadata| metadata.get("name")?.text()).unwrap_or("policy");
    let warns_only =
        spec.get("mode").filter(|mode| mode.text() == Some("warn")).map(|mode| shape.place(mode));
    let mut beyond = Vec::new();
    for (key, what) in
        [("match", "a choice of workloads"), ("policy", "a condition in CUE or Rego on what was verified")]
    {
        beyond.extend(spec.get(key).map(|node| Placed::new(what, shape.place(node))));
    }
    let mut demands = Vec::new();
    let mut predicate = None;
    for authority in shape.list(spec.get("authorities")) {
        demands.extend(demand(shape, authority, &mut beyond));
        for attestation in shape.list(authority.get("attestations")) {
            predicate = predicate.or(attestation.get("predicateType").and_then(|node| shape.text(node)));
            let condition = attestation.get("policy");
            beyond.extend(
                condition.map(|node| {
                    Placed::new("a condition in CUE or Rego on an attestation", shape.place(node))
                }),
            );
        }
    }
    for image in shape.list(spec.get("images")) {
        shape.keys(image, &["glob"]);
        let Some(glob) = image.get("glob").and_then(|glob| shape.text(glob)) else { continue };
        rules.push(TrustRule {
            name: name.to_owned(),
            place: glob.place,
            scope: Some(glob),
            demands: demands.clone(),
            all: false,
            predicate: predicate.clone(),
            warns_only,
            beyond: beyond.clone(),
        });
    }
}

fn demand(shape: &mut Shape<'_>, node: &Node, beyond: &mut Vec<Placed<&'static str>>) -> Option<Demand> {
    shape.keys(node, &AUTHORITY);
    let place = shape.place(node);
    if let Some(source) = node.get("source") {
        beyond.push(Placed::new("signatures in another repository", shape.place(source)));
    }
    let log_is_public = node.get("ctlog").is_some_and(|log| {
        let url = log.get("url").and_then(Node::text);
        url.is_none_or(|url| PUBLIC_LOGS.contains(&url)) && log.get("trustRootRef").is_none()
    });
    let log = node.get("ctlog").or_else(|| node.get("rfc3161timestamp"));
    if let Some(action) = node.get("static") {
        let accepts = action.get("action").and_then(Node::text) == Some("pass");
        let kind = if accepts { DemandKind::Accept } else { DemandKind::Reject };
        return Some(Demand { kind, place: shape.place(action), log_waived: None, log_is_public: false });
    }
    if let Some(node) = node.get("keyless") {
        return Some(keyless(shape, node));
    }
    let Some(key) = node.get("key") else {
        shape.wrong(place, "an authority has `key`, `keyless` or `static`");
        return None;
    };
    shape.keys(key, &["secretRef", "data", "kms", "hashAlgorithm"]);
    let place = shape.place(key);
    let source = if let Some(data) = key.get("data") {
        shape.text(data)?.map(KeySource::Text)
    } else if let Some(kms) = key.get("kms") {
        shape.text(kms)?.map(KeySource::Elsewhere)
    } else {
        Placed::new(KeySource::Elsewhere("a secret of the cluster".to_owned()), place)
    };
    Some(Demand {
        kind: DemandKind::Keys(vec![source]),
        place,
        log_waived: log.is_none().then_some(place),
        log_is_public,
    })
}

fn keyless(shape: &mut Shape<'_>, keyless: &Node) -> Demand {
    shape.keys(keyless, &KEYLESS);
    let is_on = |node: &&Node| matches!(node.value, Value::Bool(true));
    let waived = keyless.get("insecureIgnoreSCT").filter(is_on).map(|node| shape.place(node));
    let identities = shape.list(keyless.get("identities")).iter().map(|node| identity(shape, node)).collect();
    let url = keyless.get("url").and_then(Node::text);
    let is_public = url.is_none_or(|url| PUBLIC.contains(&url))
        && ["ca-cert", "ca", "trustRootRef"].iter().all(|key| keyless.get(key).is_none());
    let place = shape.place(keyless);
    Demand {
        kind: DemandKind::Keyless { identities, is_public },
        place,
        log_waived: waived,
        log_is_public: is_public,
    }
}

fn identity(shape: &mut Shape<'_>, node: &Node) -> Identity {
    shape.keys(node, &["issuer", "issuerRegExp", "subject", "subjectRegExp"]);
    let mut part = |exact: &str, expression: &str| {
        let (node, is_expression) = match (node.get(exact), node.get(expression)) {
            (Some(node), _) => (node, false),
            (None, Some(node)) => (node, true),
            (None, None) => return None,
        };
        Some(IdentityPart { text: shape.text(node)?, is_expression })
    };
    let (issuer, subject) = (part("issuer", "issuerRegExp"), part("subject", "subjectRegExp"));
    Identity { issuer, subject, place: shape.place(node) }
}
