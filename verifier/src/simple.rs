//! Simple signing: the payload that cosign 2 signs, and the checks that cosign itself leaves out.

use std::collections::BTreeMap;

use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use perry_sandbox_policy::RepositoryRule;
use perry_sandbox_reference::{Digest, Reference, Repository};
use serde_json::{Map, Value};

use crate::codes::Code;
use crate::finding::Finding;
use crate::statement::list;

const IMAGE_SIGNATURE: &str = "cosign container image signature";

/// What a payload says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SimpleFacts {
    /// The `critical.type`.
    kind: String,
    /// The manifest or index that was signed.
    digest: String,
    /// The `docker-reference`.
    pub(crate) reference: String,
    /// The `optional` members that are text: cosign's annotations.
    optional: BTreeMap<String, String>,
}

/// The payload that cosign 2 signs for an image in this repository when nothing is added to it.
pub fn plain(repository: &Repository, digest: &Digest) -> Vec<u8> {
    // cosign writes docker hub's name as its library does.
    let name = repository.to_string();
    let name = name.strip_prefix("docker.io/").map_or(name.clone(), |path| format!("index.docker.io/{path}"));
    let (name, digest, kind) = (Value::from(name), Value::from(digest.as_str()), IMAGE_SIGNATURE);
    format!(
        r#"{{"critical":{{"identity":{{"docker-reference":{name}}},"image":{{"docker-manifest-digest":{digest}}},"type":"{kind}"}},"optional":null}}"#
    )
    .into_bytes()
}

/// Reads a payload whose signature is not checked yet.
pub(crate) fn read(payload: &[u8]) -> Result<SimpleFacts, Finding> {
    let malformed = |found: &str| Finding::new(Code::BindPayload, found, "a simple-signing payload");
    let value = parse_strict(payload, MAX_DEPTH).map_err(|error| malformed(&error.to_string()))?;
    let root = members(&value, &["critical", "optional"]).map_err(|found| malformed(&found))?;
    let critical = members(root.get("critical").unwrap_or(&Value::Null), &["identity", "image", "type"])
        .map_err(|found| malformed(&found))?;
    let inner = |name: &str, field: &str| -> Result<String, Finding> {
        let map = members(critical.get(name).unwrap_or(&Value::Null), &[field])
            .map_err(|found| malformed(&found))?;
        let text = map.get(field).and_then(Value::as_str);
        Ok(text.ok_or_else(|| malformed(&format!("no text in `{field}`")))?.to_owned())
    };
    let kind = critical.get("type").and_then(Value::as_str).ok_or_else(|| malformed("no `type`"))?;
    Ok(SimpleFacts {
        kind: kind.to_owned(),
        digest: inner("image", "docker-manifest-digest")?,
        reference: inner("identity", "docker-reference")?,
        optional: texts(root.get("optional")),
    })
}

/// The members of an object that are text. Others can equal no annotation that is asked for.
pub(crate) fn texts(value: Option<&Value>) -> BTreeMap<String, String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// An object with no other members than these: `critical` means that a reader must understand all of it.
fn members<'a>(value: &'a Value, known: &[&str]) -> Result<&'a Map<String, Value>, String> {
    let map = value.as_object().ok_or_else(|| format!("no object with `{}`", known.join("`, `")))?;
    match map.keys().find(|key| !known.contains(&key.as_str())) {
        None => Ok(map),
        Some(key) => Err(format!("the unknown member `{key}`")),
    }
}

impl SimpleFacts {
    /// The first of `wanted` that the payload is about; also checks that it is an image signature at all.
    // SECURITY: cosign's SimpleClaimVerifier compares the digest only, not the type.
    pub(crate) fn about<'a>(&self, wanted: &'a [Digest]) -> Result<&'a Digest, Finding> {
        if self.kind != IMAGE_SIGNATURE {
            return Err(Finding::new(Code::BindType, &self.kind, IMAGE_SIGNATURE));
        }
        let found = wanted.iter().find(|digest| digest.as_str() == self.digest);
        found.ok_or_else(|| Finding::new(Code::BindDigest, &self.digest, list(wanted)))
    }

    /// Whether the signature was made for this repository.
    // SECURITY: cosign ignores `docker-reference`, so a signature copied to another repository verifies there.
    pub(crate) fn for_repository(&self, rule: &RepositoryRule) -> Result<(), Finding> {
        let (wanted, below) = match rule {
            RepositoryRule::Exact(wanted) => (wanted, false),
            RepositoryRule::Within(wanted) => (wanted, true),
            RepositoryRule::Any | RepositoryRule::Unknown => return Ok(()),
        };
        // cosign's library spells docker's registry `index.docker.io`.
        let text = match self.reference.strip_prefix("index.docker.io/") {
            Some(rest) => format!("docker.io/{rest}"),
            None => self.reference.clone(),
        };
        let signed = text.parse::<Reference>().ok();
        let fits = |signed: &Repository| signed == wanted || (below && lies_below(signed, wanted));
        if signed.is_some_and(|signed| fits(signed.repository())) {
            return Ok(());
        }
        let expected = if below { format!("{wanted}, or below it") } else { wanted.to_string() };
        Err(Finding::new(Code::BindRepository, &self.reference, expected))
    }

    /// Whether the signature carries these annotations.
    pub(crate) fn carries(&self, wanted: &BTreeMap<String, String>) -> Result<(), Finding> {
        carries(&self.optional, wanted)
    }
}

/// Whether every annotation that is asked for is there with exactly that value.
pub(crate) fn carries(
    found: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> Result<(), Finding> {
    match wanted.iter().find(|(name, value)| found.get(*name) != Some(value)) {
        None => Ok(()),
        Some((name, value)) => {
            let there = found.get(name).map_or("nothing", String::as_str);
            let found = format!("{name} = {there}");
            Err(Finding::new(Code::BindAnnotation, found, format!("{name} = {value}")))
        }
    }
}

/// Whether one repository lies below another by whole path components.
fn lies_below(inner: &Repository, outer: &Repository) -> bool {
    let rest = inner.path().strip_prefix(outer.path());
    inner.registry() == outer.registry() && rest.is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_payload_is_the_one_that_cosign_2_wrote() {
        let written = include_bytes!(
            "../tests/data/signed/cosign2-key2/blobs/sha256/9395aa427e1fe4ffd28cb4d2563fdf1761fa58b163a52b75fc5fbfb9d102e598"
        );
        let facts = read(written).unwrap();
        assert_eq!(plain(&facts.reference.parse().unwrap(), &facts.digest.parse().unwrap()), written);
        let hub = plain(&"docker.io/library/alpine".parse().unwrap(), &Digest::of(b"x"));
        assert_eq!(read(&hub).unwrap().reference, "index.docker.io/library/alpine");
    }

    fn payload() -> Value {
        json!({
            "critical": {
                "identity": {"docker-reference": "registry.example/acme/app"},
                "image": {"docker-manifest-digest": Digest::of(b"x").as_str()},
                "type": IMAGE_SIGNATURE,
            },
            "optional": {"any": "thing"},
        })
    }

    fn exact(text: &str) -> RepositoryRule {
        RepositoryRule::Exact(text.parse().unwrap())
    }

    #[test]
    fn a_plain_payload_is_read() {
        let facts = read(payload().to_string().as_bytes()).unwrap();
        assert!(facts.about(&[Digest::of(b"x")]).is_ok());
        assert_eq!(facts.about(&[Digest::of(b"y")]).unwrap_err().code, Code::BindDigest);
        assert!(facts.for_repository(&exact("registry.example/acme/app")).is_ok());
        assert!(facts.for_repository(&RepositoryRule::Unknown).is_ok());
    }

    #[test]
    fn simple_claim_verifier_another_repository_is_refused() {
        let facts = read(payload().to_string().as_bytes()).unwrap();
        for other in ["registry.example/acme/app-evil", "registry.example/acme", "evil.example/acme/app"] {
            assert_eq!(facts.for_repository(&exact(other)).unwrap_err().code, Code::BindRepository);
        }
    }

    #[test]
    fn a_prefix_matches_by_whole_components() {
        let facts = read(payload().to_string().as_bytes()).unwrap();
        let within =
            |text: &str| facts.for_repository(&RepositoryRule::Within(text.parse().unwrap())).is_ok();
        assert!(within("registry.example/acme") && within("registry.example/acme/app"));
        assert!(!within("registry.example/ac") && !within("registry.example/acme/app/x"));
        assert!(!within("evil.example/acme"));
        assert!(facts.for_repository(&RepositoryRule::Any).is_ok());
    }

    #[test]
    fn annotations_are_compared_exactly() {
        let facts = read(payload().to_string().as_bytes()).unwrap();
        let carries = |name: &str, value: &str| {
            facts.carries(&BTreeMap::from([(name.to_owned(), value.to_owned())])).err().map(|it| it.code)
        };
        assert_eq!(carries("any", "thing"), None);
        assert_eq!(carries("any", "other"), Some(Code::BindAnnotation));
        assert_eq!(carries("none", "thing"), Some(Code::BindAnnotation));
    }

    #[test]
    fn dockers_registry_has_two_names() {
        let mut value = payload();
        value["critical"]["identity"]["docker-reference"] = json!("index.docker.io/library/busybox");
        let facts = read(value.to_string().as_bytes()).unwrap();
        assert!(facts.for_repository(&exact("busybox")).is_ok());
    }

    #[test]
    fn simple_claim_verifier_another_type_is_refused() {
        let mut value = payload();
        value["critical"]["type"] = json!("atomic container signature");
        let facts = read(value.to_string().as_bytes()).unwrap();
        assert_eq!(facts.about(&[Digest::of(b"x")]).unwrap_err().code, Code::BindType);
    }

    #[test]
    fn unknown_critical_members_and_malformed_payloads_are_refused() {
        let mut value = payload();
        value["critical"]["expires"] = json!("now");
        assert_eq!(read(value.to_string().as_bytes()).unwrap_err().code, Code::BindPayload);
        for text in ["", "{}", "null", "{\"critical\":null}", "{\"critical\":{\"type\":\"x\"}}"] {
            assert_eq!(read(text.as_bytes()).unwrap_err().code, Code::BindPayload, "{text}");
        }
    }
}
