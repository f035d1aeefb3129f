//! cosign 2's storage form, turned into a bundle of version 0.1 so that one core checks both.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use perry_sandbox_policy::SignatureFormat;
use serde_json::{Map, Value};
use sigstore_verify::crypto::sha256;
use sigstore_verify::types::{
    Bundle, CanonicalizedBody, CertificateContent, DerCertificate, DigestBytes, DsseEnvelope, HashAlgorithm,
    InclusionPromise, KindVersion, LogId, LogIndex, LogKeyId, MediaType, MessageDigest, MessageSignature,
    PublicKeyIdentifier, Rfc3161Timestamp, SignatureBytes, SignatureContent, SignedTimestamp, TimestampToken,
    TimestampVerificationData, TransparencyLogEntry, VerificationMaterial, VerificationMaterialContent,
};

use crate::codes::Code;
use crate::finding::Finding;
use crate::limits::MAX_ANNOTATION;
use crate::parsed::{Content, Parsed};
use crate::{shape, simple, statement};

const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const ENTRY: &str = "dev.sigstore.cosign/bundle";
const STAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// A layer's annotations, as strings.
pub(crate) type Annotations = BTreeMap<String, String>;

/// Turns a simple-signing layer (payload and annotations) into something that can be checked.
pub(crate) fn signature(payload: Vec<u8>, annotations: &Annotations) -> Result<Parsed, Finding> {
    let facts = simple::read(&payload)?;
    let signature = STANDARD
        .decode(bounded(annotations, SIGNATURE)?.unwrap_or_default())
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| annotation(SIGNATURE, "missing, empty or not base64"))?;
    let digest =
        MessageDigest::new(HashAlgorithm::Sha2256, DigestBytes::new(sha256(&payload).as_bytes().to_vec()));
    let message = MessageSignature::new(SignatureBytes::new(signature)).with_message_digest(digest);
    let bundle = assemble(SignatureContent::MessageSignature(message), annotations)?;
    Ok(Parsed {
        bundle,
        format: SignatureFormat::SimpleSigning,
        legacy: true,
        content: Content::Simple { payload, facts },
    })
}

/// Turns an attestation layer (a DSSE envelope and annotations) into something that can be checked.
pub(crate) fn attestation(envelope: &[u8], annotations: &Annotations) -> Result<Parsed, Finding> {
    shape::check_envelope(envelope)?;
    let envelope: DsseEnvelope = serde_json::from_slice(envelope)
        .map_err(|error| Finding::new(Code::ParseField, error.to_string(), "a DSSE envelope"))?;
    let facts = statement::read(&envelope)?;
    let bundle = assemble(SignatureContent::DsseEnvelope(envelope), annotations)?;
    Ok(Parsed {
        bundle,
        format: SignatureFormat::SimpleSigning,
        legacy: true,
        content: Content::Statement { facts },
    })
}

fn assemble(content: SignatureContent, annotations: &Annotations) -> Result<Bundle, Finding> {
    let material = match bounded(annotations, CERTIFICATE)? {
        Some(pem) if !pem.is_empty() => {
            let der =
                DerCertificate::from_pem(pem).map_err(|error| annotation(CERTIFICATE, &error.to_string()))?;
            VerificationMaterialContent::Certificate(CertificateContent::new(der))
        }
        _ => VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new("")),
    };
    let entries: Vec<_> = bounded(annotations, ENTRY)?.map(entry).transpose()?.into_iter().collect();
    let stamps: Vec<_> = bounded(annotations, STAMP)?.map(stamp).transpose()?.into_iter().collect();
    // 0.1 is the version whose proof is the log's promise; without an entry there is nothing to promise.
    let version = if entries.is_empty() { MediaType::Bundle0_3 } else { MediaType::Bundle0_1 };
    let mut times = TimestampVerificationData::default();
    times.rfc3161_timestamps = stamps;
    let material = VerificationMaterial::new(material)
        .with_tlog_entries(entries)
        .with_timestamp_verification_data(times);
    Ok(Bundle::new(version, material, content))
}

fn entry(text: &str) -> Result<TransparencyLogEntry, Finding> {
    let wrong = |what: &str| annotation(ENTRY, what);
    let value = parse_strict(text.as_bytes(), MAX_DEPTH).map_err(|error| wrong(&error.to_string()))?;
    let root = exactly(&value, &["SignedEntryTimestamp", "Payload"]).ok_or_else(|| wrong("other members"))?;
    let promise = decode(root, "SignedEntryTimestamp").ok_or_else(|| wrong("no SignedEntryTimestamp"))?;
    let payload =
        root.get("Payload").and_then(|it| exactly(it, &["body", "integratedTime", "logIndex", "logID"]));
    let payload = payload.ok_or_else(|| wrong("no Payload, or other members in it"))?;
    let body = decode(payload, "body").ok_or_else(|| wrong("no body"))?;
    let number = |name: &str| payload.get(name).and_then(Value::as_i64);
    let time = number("integratedTime").and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let index = number("logIndex").and_then(|index| u64::try_from(index).ok());
    let index = index.and_then(|index| LogIndex::new(index).ok()).ok_or_else(|| wrong("no logIndex"))?;
    let log =
        payload.get("logID").and_then(Value::as_str).and_then(unhex).ok_or_else(|| wrong("no logID"))?;
    let kind = kind(&body).ok_or_else(|| wrong("a body of an unknown kind"))?;
    let promise = InclusionPromise::new(SignedTimestamp::new(promise));
    let entry =
        TransparencyLogEntry::new(index, LogId::new(LogKeyId::new(log)), kind, CanonicalizedBody::new(body));
    Ok(entry
        .with_integrated_time(time.ok_or_else(|| wrong("no integratedTime"))?)
        .with_inclusion_promise(promise))
}

fn stamp(text: &str) -> Result<Rfc3161Timestamp, Finding> {
    let wrong = |what: &str| annotation(STAMP, what);
    let value = parse_strict(text.as_bytes(), MAX_DEPTH).map_err(|error| wrong(&error.to_string()))?;
    let root = exactly(&value, &["SignedRFC3161Timestamp"]).ok_or_else(|| wrong("other members"))?;
    let token = decode(root, "SignedRFC3161Timestamp").ok_or_else(|| wrong("no SignedRFC3161Timestamp"))?;
    Ok(Rfc3161Timestamp::new(TimestampToken::new(token)))
}

/// The kind and version that a log entry's body names.
fn kind(body: &[u8]) -> Option<KindVersion> {
    let body = parse_strict(body, MAX_DEPTH).ok()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (text("kind")?, text("apiVersion")?) {
        ("hashedrekord", "0.0.1") => Some(KindVersion::HashedRekordV001),
        ("dsse", "0.0.1") => Some(KindVersion::DsseV001),
        ("intoto", "0.0.2") => Some(KindVersion::IntotoV002),
        _ => None,
    }
}

/// An object without other members than these.
fn exactly<'a>(value: &'a Value, known: &[&str]) -> Option<&'a Map<String, Value>> {
    value.as_object().filter(|map| map.keys().all(|key| known.contains(&key.as_str())))
}

fn decode(map: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    let text = map.get(name)?.as_str()?;
    STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

fn bounded<'a>(annotations: &'a Annotations, name: &str) -> Result<Option<&'a str>, Finding> {
    match annotations.get(name) {
        Some(text) if text.len() > MAX_ANNOTATION => Err(Finding::new(
            Code::ParseLimit,
            format!("{} bytes in `{name}`", text.len()),
            format!("at most {MAX_ANNOTATION}"),
        )),
        other => Ok(other.map(String::as_str)),
    }
}

fn annotation(name: &str, found: &str) -> Finding {
    Finding::new(Code::ParseAnnotation, format!("`{name}`: {found}"), "the annotations that cosign writes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_in_pairs() {
        assert_eq!(unhex("00ff1A"), Some(vec![0, 255, 26]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }

    #[test]
    fn a_layer_without_a_signature_is_refused() {
        let payload = br#"{"critical":{"identity":{"docker-reference":"a"},"image":{"docker-manifest-digest":"b"},"type":"c"}}"#;
        let finding = signature(payload.to_vec(), &Annotations::new()).unwrap_err();
        assert_eq!(finding.code, Code::ParseAnnotation);
    }

    #[test]
    fn a_log_annotation_with_other_members_is_refused() {
        for text in ["", "null", "{}", r#"{"SignedEntryTimestamp":"AA==","Payload":{},"x":1}"#] {
            assert_eq!(entry(text).unwrap_err().code, Code::ParseAnnotation, "{text}");
        }
    }
}
