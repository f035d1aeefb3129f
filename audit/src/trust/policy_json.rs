//! `policy.json` of containers/image.

use perry_sandbox_compose::{Mapping, Node, shown};

use super::model::{Demand, DemandKind, Identity, IdentityPart, KeySource, TrustRule};
use crate::place::{Place, Placed};
use crate::shape::Shape;

const FULCIO: [&str; 4] = ["caPath", "caData", "oidcIssuer", "subjectEmail"];
const KEYS: [&str; 14] = [
    "type",
    "keyPath",
    "keyPaths",
    "keyData",
    "keyDatas",
    "fulcio",
    "pki",
    "rekorPublicKeyPath",
    "rekorPublicKeyPaths",
    "rekorPublicKeyData",
    "rekorPublicKeyDatas",
    "signedIdentity",
    "keyType",
    "comment",
];

/// Reads the file. Other transports than `docker` and `atomic` are local: nobody pulls from them.
pub(super) fn read(shape: &mut Shape<'_>, document: &Node, rules: &mut Vec<TrustRule>) {
    shape.keys(document, &["default", "transports"]);
    if let Some(default) = document.get("default") {
        let place = shape.place(default);
        let demands = demands(shape, default);
        rules.push(rule("default".to_owned(), None, place, demands));
    }
    let transports = document.get("transports").and_then(Node::mapping).into_iter().flat_map(Mapping::iter);
    for (transport, scopes) in transports.filter(|(key, _)| matches!(key.name.as_str(), "docker" | "atomic"))
    {
        for (scope, requirements) in scopes.mapping().into_iter().flat_map(Mapping::iter) {
            let place = shape.at(scope.span);
            let name = if scope.name.is_empty() { transport.name.clone() } else { scope.name.clone() };
            let demands = demands(shape, requirements);
            rules.push(rule(name, Some(Placed::new(scope.name.clone(), place)), place, demands));
        }
    }
}

fn rule(
    name: String,
    scope: Option<Placed<String>>,
    place: Place,
    read: (Vec<Demand>, Vec<Placed<&'static str>>),
) -> TrustRule {
    let (demands, beyond) = read;
    TrustRule { name, scope, place, demands, all: true, predicate: None, warns_only: None, beyond }
}

fn demands(shape: &mut Shape<'_>, list: &Node) -> (Vec<Demand>, Vec<Placed<&'static str>>) {
    let mut demands = Vec::new();
    let mut beyond = Vec::new();
    for node in shape.list(Some(list)) {
        let place = shape.place(node);
        shape.keys(node, &KEYS);
        if let Some(identity) = node.get("signedIdentity") {
            let usual = ["matchRepoDigestOrExact", "matchRepository", "matchExact"];
            let kind = identity.get("type").and_then(Node::text);
            if kind.is_none_or(|kind| !usual.contains(&kind)) {
                beyond.push(Placed::new("a signature that names another repository", shape.place(identity)));
            }
        }
        let Some(kind) = node.get("type").and_then(Node::text) else {
            shape.wrong(place, "a requirement says what it is: `type`");
            continue;
        };
        let (kind, log_waived) = match kind {
            "insecureAcceptAnything" => (DemandKind::Accept, None),
            "reject" => (DemandKind::Reject, None),
            "sigstoreSigned" => sigstore(shape, node, place),
            "signedBy" => (DemandKind::Other("a signature by GnuPG".to_owned()), None),
            other => {
                shape.wrong(place, format!("`{}` is no requirement", shown(other)));
                continue;
            }
        };
        demands.push(Demand { kind, place, log_waived, log_is_public: false });
    }
    (demands, beyond)
}

fn sigstore(shape: &mut Shape<'_>, node: &Node, place: Place) -> (DemandKind, Option<Place>) {
    let has_log = KEYS.iter().any(|key| key.starts_with("rekor") && node.get(key).is_some());
    let waived = (!has_log).then_some(place);
    if let Some(fulcio) = node.get("fulcio") {
        shape.keys(fulcio, &FULCIO);
        let place = shape.place(fulcio);
        let mut part = |key: &str| {
            let text = shape.text(fulcio.get(key)?)?;
            Some(IdentityPart { text, is_expression: false })
        };
        let identity = Identity { issuer: part("oidcIssuer"), subject: part("subjectEmail"), place };
        return (DemandKind::Keyless { identities: vec![identity], is_public: false }, waived);
    }
    if node.get("pki").is_some() {
        return (DemandKind::Other("a certificate of one's own authority".to_owned()), waived);
    }
    let mut keys: Vec<Placed<KeySource>> = Vec::new();
    for (one, many) in [("keyPath", "keyPaths"), ("keyData", "keyDatas")] {
        let single = node.get(one).and_then(|node| shape.text(node));
        for text in single.into_iter().chain(shape.texts(node.get(many))) {
            let is_path = one == "keyPath";
            keys.push(text.map(|text| if is_path { KeySource::File(text) } else { KeySource::Text(text) }));
        }
    }
    (DemandKind::Keys(keys), waived)
}
