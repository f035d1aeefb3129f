//! Signatures stored beside images, in the forms of cosign 2, cosign 3, and OCI 1.1.

use perry_sandbox_image::media_type;
use perry_sandbox_reference::Digest;
use serde_json::{Value, json};

use super::sign::BUNDLE;
use crate::layout::{Content, digest_of};

/// The media type of a simple signature's payload.
pub const SIMPLE_LAYER: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// The media type of an attestation by cosign 2.
pub const ENVELOPE_LAYER: &str = "application/vnd.dsse.envelope.v1+json";

/// Where a manifest with signatures is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// By cosign 2's tag for what it signs, with this ending.
    ByTag(&'a Digest, &'a str),
    /// By its subject.
    BySubject(&'a Digest),
    /// Not at all: only its descriptor is wanted.
    Nowhere,
}

/// Attaches a bundle as cosign 3 does, and gives the referrer's descriptor.
pub fn attach_bundle(content: &mut Content, bundle: &[u8], subject: &Digest) -> Value {
    let layer = content.described(BUNDLE, bundle);
    let config = content.described(media_type::EMPTY, b"{}".as_slice());
    let about = subject_of(content, subject);
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": BUNDLE, "config": config,
        "layers": [layer], "subject": about,
        "annotations": {"dev.sigstore.bundle.content": "dsse-envelope"},
    });
    let descriptor = content.manifest(media_type::OCI_MANIFEST, &manifest);
    content.list(&descriptor);
    descriptor
}

/// Attaches layers with annotations (simple signatures, or envelopes) as cosign 2 does, and gives the manifest's
/// descriptor.
pub fn attach_layers(content: &mut Content, layers: &[(&str, &[u8], &Value)], found: Found<'_>) -> Value {
    let layers: Vec<_> = layers
        .iter()
        .map(|(kind, bytes, annotations)| {
            let mut layer = content.described(kind, *bytes);
            layer["annotations"] = (*annotations).clone();
            layer
        })
        .collect();
    let diff_ids: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    let config = json!({
        "architecture": "", "os": "", "created": "0001-01-01T00:00:00Z", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let kind = match found {
        Found::BySubject(_) => "application/vnd.dev.cosign.artifact.sig.v1+json",
        Found::ByTag(..) | Found::Nowhere => media_type::OCI_CONFIG,
    };
    let config = content.described(kind, config.to_string());
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "config": config, "layers": layers,
    });
    if let Found::BySubject(subject) = found {
        manifest["subject"] = subject_of(content, subject);
    }
    let descriptor = content.manifest(media_type::OCI_MANIFEST, &manifest);
    match found {
        Found::ByTag(subject, ending) => {
            content.tag(&format!("{}.{ending}", subject.as_str().replace(':', "-")), &descriptor);
        }
        Found::BySubject(_) => content.list(&descriptor),
        Found::Nowhere => {}
    }
    descriptor
}

/// Makes the index that registries without a list of referrers have in its place, as cosign 3.1.1 writes it: the
/// entries' artifact type is wrong.
pub fn fallback_index(content: &mut Content, subject: &Digest, referrers: &[Value]) {
    let mut referrers = referrers.to_vec();
    for entry in &mut referrers {
        entry["artifactType"] = json!(media_type::EMPTY);
    }
    let index = content.index(&referrers);
    content.tags.insert(subject.as_str().replace(':', "-"), digest_of(&index));
}

fn subject_of(content: &Content, subject: &Digest) -> Value {
    let kind = content.manifests.get(subject).map_or(media_type::OCI_MANIFEST, String::as_str);
    let size = content.blobs.get(subject).map_or(0, Vec::len);
    json!({"mediaType": kind, "digest": subject.as_str(), "size": size})
}
