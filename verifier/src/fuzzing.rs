//! Entry points for the fuzz targets: readers of hostile input that are not public otherwise. None proves anything.

use std::collections::BTreeMap;

use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use perry_sandbox_policy::{Expression, SLSA_PREDICATES, TrustRoot, TrustRootSource};
use perry_sandbox_reference::Digest;
use sigstore_verify::VerificationPolicy;
use sigstore_verify::types::{Artifact, DerCertificate, Rfc3161Timestamp, Sha256Hash, TimestampToken};

use crate::{certificate, core, legacy, log, parsed, provenance, root};

/// Reads some bytes as cosign 2's payload, with a signature beside it; gives whether it was understood.
pub fn payload(bytes: &[u8]) -> bool {
    let signature = ("dev.cosignproject.cosign/signature".to_owned(), "AA==".to_owned());
    legacy::signature(bytes.to_vec(), &BTreeMap::from([signature])).is_ok()
}

/// Reads some bytes as cosign 2's attestation; gives whether it was understood.
pub fn envelope(bytes: &[u8]) -> bool {
    legacy::attestation(bytes, &BTreeMap::new()).is_ok()
}

/// Reads some text as each annotation of cosign 2 that carries a proof; gives whether one was understood.
pub fn annotation(text: &str) -> bool {
    let envelope =
        br#"{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"AA=="}]}"#;
    ["certificate", "bundle", "rfc3161timestamp"].iter().any(|name| {
        let annotations = BTreeMap::from([(format!("dev.sigstore.cosign/{name}"), text.to_owned())]);
        legacy::attestation(envelope, &annotations).is_ok()
    })
}

/// Reads some bytes as a bundle; gives whether it was understood.
pub fn bundle(bytes: &[u8]) -> bool {
    parsed::bundle(bytes).is_ok()
}

/// Reads some text as a trust root and prepares it; gives whether it was understood.
pub fn trust_root(json: &str) -> bool {
    prepared(json).is_some()
}

fn prepared(json: &str) -> Option<root::PreparedRoot> {
    let digest = Digest::of(json.as_bytes());
    let root = TrustRoot {
        name: "fuzz".parse().ok()?,
        json: json.to_owned(),
        digest,
        source: TrustRootSource::File,
    };
    root::PreparedRoot::read(&root).ok()?.pop()
}

/// Reads some text as an expression for an identity; gives whether it was accepted.
pub fn expression(text: &str) -> bool {
    Expression::new(text).is_ok()
}

/// Reads some bytes as a leaf certificate; gives whether its form is one that is accepted.
pub fn certificate(der: &[u8]) -> bool {
    certificate::read(&DerCertificate::from(der.to_vec())).is_ok()
}

/// Reads some text as a log's checkpoint; gives whether a log of this trust root signed it.
pub fn checkpoint(text: &str, root: &str) -> bool {
    prepared(root).is_some_and(|root| log::vouches(text, &root))
}

/// Puts some bytes into a bundle in place of its time stamps and checks it, with the core alone and no net under it.
/// Gives whether the bundle is still good for this artifact.
pub fn time_stamp(token: &[u8], bundle: &[u8], artifact: &Digest, root: &str) -> bool {
    let (Ok(mut parsed), Some(root)) = (parsed::bundle(bundle), prepared(root)) else { return false };
    let stamps = &mut parsed.bundle.verification_material.timestamp_verification_data.rfc3161_timestamps;
    *stamps = vec![Rfc3161Timestamp::new(TimestampToken::new(token.to_vec()))];
    let Ok(digest) = Sha256Hash::from_hex(artifact.hex()) else { return false };
    let artifact = Artifact::from_digest(digest);
    core::run(&root.verifier, artifact, &parsed.bundle, &VerificationPolicy::any_identity()).is_ok()
}

/// Reads some bytes as a predicate, of every kind whose fields are known; gives whether one says who built it.
pub fn predicate(bytes: &[u8]) -> bool {
    let Ok(says) = parse_strict(bytes, MAX_DEPTH) else { return false };
    SLSA_PREDICATES
        .iter()
        .filter_map(|kind| provenance::facts(kind, &says))
        .any(|facts| facts.builder.is_some())
}

/// Reads some bytes as metadata of The Update Framework: as a root where trust begins, and after the built-in one.
/// Gives whether it was taken as the first.
#[cfg(feature = "tuf")]
pub fn root_metadata(bytes: &[u8]) -> bool {
    crate::roots::understands(bytes)
}
