//! The statement gate: which in-toto statements may stand for an image signature, and for which digests.

use std::collections::BTreeMap;

use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use perry_sandbox_reference::{Algorithm, Digest};
use serde_json::{Map, Value};
use sigstore_verify::types::DsseEnvelope;

use crate::codes::Code;
use crate::finding::Finding;
use crate::limits::{MAX_DIGESTS, MAX_SUBJECTS};
use crate::simple::{carries, texts};

/// The predicate type of a cosign 3 image signature.
pub(crate) const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPES: [&str; 2] = ["https://in-toto.io/Statement/v0.1", "https://in-toto.io/Statement/v1"];

/// What a statement says, as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatementFacts {
    /// The predicate type.
    pub(crate) predicate: String,
    /// The predicate itself.
    pub(crate) says: Value,
    /// Its subjects.
    pub(crate) subjects: Vec<Subject>,
}

/// One subject of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    /// Its SHA-256 and SHA-512 digests.
    digests: Vec<Digest>,
    /// Its annotations that are text.
    annotations: BTreeMap<String, String>,
}

/// Reads the statement in an envelope whose signature is not checked yet.
pub(crate) fn read(envelope: &DsseEnvelope) -> Result<StatementFacts, Finding> {
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(Finding::new(
            Code::BindPayload,
            format!("payload type {}", envelope.payload_type),
            PAYLOAD_TYPE,
        ));
    }
    let value = parse_strict(envelope.payload.as_bytes(), MAX_DEPTH).map_err(|error| {
        Finding::new(Code::BindPayload, error.to_string(), "an in-toto statement in strict JSON")
    })?;
    let malformed = |found: &str| Finding::new(Code::BindPayload, found, "an in-toto statement");
    let map = value.as_object().ok_or_else(|| malformed("a payload that is not an object"))?;
    let text = |name: &str| map.get(name).and_then(Value::as_str);
    // SECURITY: both the core and cosign 3.1.1 accept any `_type`, so a document of another kind passes there.
    let kind = text("_type").unwrap_or("no `_type`");
    if !STATEMENT_TYPES.contains(&kind) {
        return Err(Finding::new(Code::BindStatement, kind, STATEMENT_TYPES.join(" or ")));
    }
    let predicate = text("predicateType").ok_or_else(|| malformed("no `predicateType`"))?.to_owned();
    let list = map.get("subject").and_then(Value::as_array).ok_or_else(|| malformed("no `subject` list"))?;
    if list.len() > MAX_SUBJECTS {
        let found = format!("{} subjects", list.len());
        return Err(Finding::new(Code::ParseLimit, found, format!("at most {MAX_SUBJECTS}")));
    }
    let mut subjects = Vec::new();
    for subject in list {
        let digests = subject.get("digest").and_then(Value::as_object);
        let digests = read_digests(digests.ok_or_else(|| malformed("a subject without digests"))?)?;
        subjects.push(Subject { digests, annotations: texts(subject.get("annotations")) });
    }
    let says = map.get("predicate").cloned().unwrap_or(Value::Null);
    Ok(StatementFacts { predicate, says, subjects })
}

fn read_digests(map: &Map<String, Value>) -> Result<Vec<Digest>, Finding> {
    let mut into = Vec::new();
    if map.len() > MAX_DIGESTS {
        let found = format!("{} digests of one subject", map.len());
        return Err(Finding::new(Code::ParseLimit, found, format!("at most {MAX_DIGESTS}")));
    }
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let Some(value) = map.get(algorithm.as_str()) else { continue };
        let text = format!("{}:{}", algorithm.as_str(), value.as_str().unwrap_or("not a string"));
        let digest = text.parse::<Digest>();
        into.push(
            digest.map_err(|_| Finding::new(Code::BindForm, text, "lower-case hex of the exact length"))?,
        );
    }
    Ok(into)
}

impl StatementFacts {
    /// The first of `wanted` that the statement is about.
    pub(crate) fn about<'a>(&self, wanted: &'a [Digest]) -> Result<&'a Digest, Finding> {
        let named = |digest: &&Digest| self.subjects.iter().any(|it| it.digests.contains(digest));
        wanted.iter().find(named).ok_or_else(|| {
            let mut digests = self.subjects.iter().flat_map(|it| &it.digests);
            let found = digests.next().map_or("no subject".to_owned(), ToString::to_string);
            let more = digests.count();
            let found = if more > 0 { format!("{found} and {more} more") } else { found };
            Finding::new(Code::BindSubject, found, list(wanted))
        })
    }

    /// Whether a subject with this digest carries these annotations.
    pub(crate) fn carries(&self, about: &Digest, wanted: &BTreeMap<String, String>) -> Result<(), Finding> {
        let mut subjects = self.subjects.iter().filter(|it| it.digests.contains(about));
        let first = subjects
            .next()
            .map_or_else(|| carries(&BTreeMap::new(), wanted), |it| carries(&it.annotations, wanted));
        first.or_else(|finding| {
            if subjects.any(|it| carries(&it.annotations, wanted).is_ok()) { Ok(()) } else { Err(finding) }
        })
    }

    /// Whether the predicate type is the one wanted.
    pub(crate) fn is(&self, predicate: &str) -> Result<(), Finding> {
        if self.predicate == predicate {
            return Ok(());
        }
        Err(Finding::new(Code::BindPredicate, &self.predicate, predicate))
    }
}

/// Digests as a message lists them.
pub(crate) fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::as_str).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sigstore_verify::types::{DsseSignature, KeyId, PayloadBytes, SignatureBytes};

    use super::*;

    fn envelope(payload: &str) -> DsseEnvelope {
        let signature = DsseSignature::new(SignatureBytes::new(vec![]), KeyId::default());
        DsseEnvelope::new(PAYLOAD_TYPE, PayloadBytes::from_bytes(payload.as_bytes()), signature)
    }

    fn statement() -> Value {
        json!({"_type": STATEMENT_TYPES[1], "predicateType": SIGN_PREDICATE, "predicate": {},
            "subject": [{"digest": {"sha256": Digest::of(b"x").hex()}}]})
    }

    fn code(value: &Value) -> Option<Code> {
        read(&envelope(&value.to_string())).err().map(|finding| finding.code)
    }

    #[test]
    fn a_plain_statement_is_read() {
        let facts = read(&envelope(&statement().to_string())).unwrap();
        let wanted = [Digest::of(b"y"), Digest::of(b"x")];
        assert_eq!(facts.about(&wanted).unwrap(), &wanted[1]);
        assert!(facts.is(SIGN_PREDICATE).is_ok());
        assert_eq!(facts.about(&wanted[..1]).unwrap_err().code, Code::BindSubject);
    }

    #[test]
    fn cve_2026_39395_a_payload_that_is_no_statement_is_refused() {
        for payload in
            ["", "not json", "[]", "{}", "{\"_type\":1}", "{\"_type\":\"https://in-toto.io/Statement/v1\"}"]
        {
            assert!(read(&envelope(payload)).is_err(), "{payload}");
        }
        let mut other = envelope(&statement().to_string());
        other.payload_type = "text/plain".to_owned();
        assert_eq!(read(&other).unwrap_err().code, Code::BindPayload);
    }

    #[test]
    fn an_unknown_statement_type_is_refused() {
        let mut value = statement();
        value["_type"] = json!("https://in-toto.io/Statement/v2");
        assert_eq!(code(&value), Some(Code::BindStatement));
    }

    #[test]
    fn upper_case_digests_are_refused() {
        let mut value = statement();
        value["subject"][0]["digest"]["sha256"] = json!(Digest::of(b"x").hex().to_uppercase());
        assert_eq!(code(&value), Some(Code::BindForm));
    }

    #[test]
    fn cve_2024_45395_too_many_subjects_or_digests_are_refused() {
        let mut value = statement();
        value["subject"] = Value::Array(vec![json!({"digest": {}}); 1025]);
        assert_eq!(code(&value), Some(Code::ParseLimit));
        let mut value = statement();
        let digests: Map<_, _> = (0..33).map(|i| (format!("a{i}"), json!(""))).collect();
        value["subject"][0]["digest"] = Value::Object(digests);
        assert_eq!(code(&value), Some(Code::ParseLimit));
    }

    #[test]
    fn a_repeated_key_in_the_statement_is_refused() {
        let twice = statement().to_string().replacen("\"subject\"", "\"subject\":[],\"subject\"", 1);
        assert_eq!(read(&envelope(&twice)).unwrap_err().code, Code::BindPayload);
    }
}
