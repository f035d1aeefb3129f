//! Entry points for the fuzz targets: readers of hostile input that are not public otherwise. None proves anything.

use std::collections::BTreeMap;

use perry_sandbox_policy::{TrustRoot, TrustRootSource};
use perry_sandbox_reference::Digest;

use crate::{identity, legacy, parsed, root};

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
    let Ok(name) = "fuzz".parse() else { return false };
    let digest = Digest::of(json.as_bytes());
    let root = TrustRoot { name, json: json.to_owned(), digest, source: TrustRootSource::File };
    root::PreparedRoot::read(&root).is_ok()
}

/// Reads some text as an expression for an identity; gives whether it was accepted.
pub fn expression(text: &str) -> bool {
    identity::check_expression(text).is_ok()
}
