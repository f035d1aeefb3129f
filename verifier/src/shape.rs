//! The shape of a bundle before anything is made of it: strict JSON, only known fields, and no more of anything
//! than is read.

use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use serde_json::{Map, Value};

use crate::codes::Code;
use crate::finding::Finding;
use crate::limits::{MAX_BUNDLE, MAX_CHAIN, MAX_CHECKPOINT_LINES, MAX_ENTRIES, MAX_HASHES};

/// The bundle media types that are read.
pub(crate) const BUNDLE_TYPES: [&str; 4] = [
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.3",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
];

/// One place in the document: its path for messages, and its members.
#[derive(Clone, Copy)]
struct At<'a> {
    path: &'static str,
    map: &'a Map<String, Value>,
}

/// Checks a bundle's shape. `Ok` says nothing about whether anything in it is true.
// SECURITY: the core ignores fields that it does not know; one that changes the meaning would pass unseen.
pub(crate) fn check(bytes: &[u8]) -> Result<(), Finding> {
    if u64::try_from(bytes.len()).map_or(true, |len| len > MAX_BUNDLE) {
        return Err(limit("the bundle", bytes.len(), usize::try_from(MAX_BUNDLE).unwrap_or(usize::MAX)));
    }
    let value = parse_strict(bytes, MAX_DEPTH).map_err(|error| {
        Finding::new(Code::ParseJson, error.to_string(), "one JSON object without repeated keys")
    })?;
    let root = object("bundle", &value)?;
    root.only(&["mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"])?;
    let media_type = root.text("mediaType")?;
    if !BUNDLE_TYPES.contains(&media_type) {
        return Err(Finding::new(Code::ParseVersion, media_type, "a Sigstore bundle 0.1, 0.2 or 0.3"));
    }
    let content = root.one_of(&["messageSignature", "dsseEnvelope"])?;
    match content {
        "messageSignature" => message(root.child("messageSignature")?)?,
        _ => envelope(root.child("dsseEnvelope")?)?,
    }
    material(root.child("verificationMaterial")?)
}

/// Checks the shape of a DSSE envelope alone, as cosign 2 stores attestations.
pub(crate) fn check_envelope(bytes: &[u8]) -> Result<(), Finding> {
    let value = parse_strict(bytes, MAX_DEPTH).map_err(|error| {
        Finding::new(Code::ParseJson, error.to_string(), "one JSON object without repeated keys")
    })?;
    envelope(object("dsseEnvelope", &value)?)
}

fn message(at: At<'_>) -> Result<(), Finding> {
    at.only(&["messageDigest", "signature"])?;
    at.text("signature")?;
    let Some(digest) = at.optional("messageDigest")? else { return Ok(()) };
    digest.only(&["algorithm", "digest"])
}

fn envelope(at: At<'_>) -> Result<(), Finding> {
    at.only(&["payload", "payloadType", "signatures"])?;
    let signatures = at.list("signatures", usize::MAX)?;
    if signatures.len() != 1 {
        let found = format!("{} signatures", signatures.len());
        return Err(Finding::new(Code::ParseSignatures, found, "exactly one"));
    }
    signatures.iter().try_for_each(|item| object("signatures", item)?.only(&["sig", "keyid"]))
}

fn material(at: At<'_>) -> Result<(), Finding> {
    let kinds = ["certificate", "publicKey", "x509CertificateChain"];
    at.only(&[kinds.as_slice(), &["tlogEntries", "timestampVerificationData"]].concat())?;
    match at.one_of(&kinds)? {
        "certificate" => at.child("certificate")?.only(&["rawBytes"])?,
        "publicKey" => at.child("publicKey")?.only(&["hint"])?,
        _ => {
            let chain = at.child("x509CertificateChain")?;
            chain.only(&["certificates"])?;
            for item in chain.list("certificates", MAX_CHAIN)? {
                object("certificates", item)?.only(&["rawBytes"])?;
            }
        }
    }
    for item in at.list("tlogEntries", MAX_ENTRIES)? {
        entry(object("tlogEntries", item)?)?;
    }
    let Some(stamps) = at.optional("timestampVerificationData")? else { return Ok(()) };
    stamps.only(&["rfc3161Timestamps"])?;
    let list = stamps.list("rfc3161Timestamps", MAX_ENTRIES)?;
    list.iter().try_for_each(|item| object("rfc3161Timestamps", item)?.only(&["signedTimestamp"]))
}

fn entry(at: At<'_>) -> Result<(), Finding> {
    at.only(&[
        "logIndex",
        "logId",
        "kindVersion",
        "integratedTime",
        "inclusionPromise",
        "inclusionProof",
        "canonicalizedBody",
    ])?;
    at.child("logId")?.only(&["keyId"])?;
    at.child("kindVersion")?.only(&["kind", "version"])?;
    if let Some(promise) = at.optional("inclusionPromise")? {
        promise.only(&["signedEntryTimestamp"])?;
    }
    let Some(proof) = at.optional("inclusionProof")? else { return Ok(()) };
    proof.only(&["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"])?;
    proof.list("hashes", MAX_HASHES)?;
    let Some(checkpoint) = proof.optional("checkpoint")? else { return Ok(()) };
    checkpoint.only(&["envelope"])?;
    let lines = checkpoint.map.get("envelope").and_then(Value::as_str).map_or(0, |text| text.lines().count());
    if lines > MAX_CHECKPOINT_LINES {
        return Err(limit("checkpoint lines", lines, MAX_CHECKPOINT_LINES));
    }
    Ok(())
}

fn object<'a>(path: &'static str, value: &'a Value) -> Result<At<'a>, Finding> {
    let map = value.as_object().ok_or_else(|| field(format!("`{path}` is not an object")))?;
    Ok(At { path, map })
}

fn field(found: String) -> Finding {
    Finding::new(Code::ParseField, found, "the fields of a Sigstore bundle, each of its type, and no others")
}

fn limit(what: &str, found: usize, most: usize) -> Finding {
    Finding::new(Code::ParseLimit, format!("{found} in {what}"), format!("at most {most}"))
}

impl<'a> At<'a> {
    fn only(self, known: &[&str]) -> Result<(), Finding> {
        match self.map.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(field(format!("`{key}` in `{}`", self.path))),
        }
    }

    /// JSON's `null` counts as absent, as protobuf's JSON form says.
    fn present(self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn optional(self, name: &'static str) -> Result<Option<At<'a>>, Finding> {
        self.present(name).map(|value| object(name, value)).transpose()
    }

    fn child(self, name: &'static str) -> Result<At<'a>, Finding> {
        let missing = || field(format!("no `{name}` in `{}`", self.path));
        self.optional(name)?.ok_or_else(missing)
    }

    fn text(self, name: &'static str) -> Result<&'a str, Finding> {
        let wrong = || field(format!("`{name}` in `{}` is missing or not a string", self.path));
        self.present(name).and_then(Value::as_str).ok_or_else(wrong)
    }

    fn list(self, name: &'static str, most: usize) -> Result<&'a [Value], Finding> {
        let Some(value) = self.present(name) else { return Ok(&[]) };
        let wrong = || field(format!("`{name}` in `{}` is not a list", self.path));
        let list = value.as_array().ok_or_else(wrong)?;
        if list.len() > most {
            return Err(limit(name, list.len(), most));
        }
        Ok(list)
    }

    /// The one of several fields that excludes the others.
    fn one_of(self, names: &[&'static str]) -> Result<&'static str, Finding> {
        let mut there = names.iter().copied().filter(|name| self.map.contains_key(*name));
        match (there.next(), there.next()) {
            (Some(name), None) => Ok(name),
            _ => Err(field(format!("none or several of `{}` in `{}`", names.join("`, `"), self.path))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bundle() -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}, "tlogEntries": []},
            "dsseEnvelope": {"payload": "", "payloadType": "", "signatures": [{"sig": ""}]},
        })
    }

    fn code(value: &Value) -> Option<Code> {
        check(value.to_string().as_bytes()).err().map(|finding| finding.code)
    }

    #[test]
    fn a_plain_bundle_has_the_right_shape() {
        assert_eq!(code(&bundle()), None);
    }

    #[test]
    fn an_unknown_field_at_any_depth_is_refused() {
        for path in [
            "",
            "/verificationMaterial",
            "/verificationMaterial/publicKey",
            "/dsseEnvelope",
            "/dsseEnvelope/signatures/0",
        ] {
            let mut value = bundle();
            value.pointer_mut(path).unwrap()["extra"] = json!(1);
            assert_eq!(code(&value), Some(Code::ParseField), "{path}");
        }
    }

    #[test]
    fn two_contents_or_two_materials_are_refused() {
        let mut value = bundle();
        value["messageSignature"] = json!({"signature": ""});
        assert_eq!(code(&value), Some(Code::ParseField));
        let mut value = bundle();
        value["verificationMaterial"]["certificate"] = json!({"rawBytes": ""});
        assert_eq!(code(&value), Some(Code::ParseField));
    }

    #[test]
    fn repeated_keys_and_other_versions_are_refused() {
        let twice = bundle().to_string().replacen("\"mediaType\"", "\"mediaType\":\"x\",\"mediaType\"", 1);
        assert_eq!(check(twice.as_bytes()).unwrap_err().code, Code::ParseJson);
        let mut value = bundle();
        value["mediaType"] = json!("application/vnd.dev.sigstore.bundle.v0.4+json");
        assert_eq!(code(&value), Some(Code::ParseVersion));
    }

    #[test]
    fn more_than_32_entries_are_refused_before_they_are_read() {
        let mut value = bundle();
        value["verificationMaterial"]["tlogEntries"] = Value::Array(vec![json!({}); 33]);
        assert_eq!(code(&value), Some(Code::ParseLimit));
        let mut value = bundle();
        value["verificationMaterial"]["timestampVerificationData"] =
            json!({"rfc3161Timestamps": vec![json!({"signedTimestamp": ""}); 64]});
        assert_eq!(code(&value), Some(Code::ParseLimit));
    }

    #[test]
    fn rustsec_2023_0053_long_chains_and_hostile_checkpoints_are_refused_before_they_are_read() {
        let mut value = bundle();
        let chain = vec![json!({"rawBytes": ""}); 9];
        value["verificationMaterial"] = json!({"x509CertificateChain": {"certificates": chain}});
        assert_eq!(code(&value), Some(Code::ParseLimit));
        for proof in [json!({"checkpoint": {"envelope": "x\n".repeat(65)}}), json!({"hashes": vec![""; 65]})]
        {
            let mut value = bundle();
            let entry = json!({"logId": {}, "kindVersion": {}, "inclusionProof": proof});
            value["verificationMaterial"]["tlogEntries"] = json!([entry]);
            assert_eq!(code(&value), Some(Code::ParseLimit));
        }
    }
}
