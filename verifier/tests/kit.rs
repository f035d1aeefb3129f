//! Fixtures: signed layouts, requirements, and sources that can be changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use perry_sandbox_image::{Layout, Memory, ResolvedImage, Source, Wanted, media_type, resolve};
use perry_sandbox_policy::{
    IssuerPattern, Requirement, Signer, SignerIdentity, SubjectPattern, TrustRoot, TrustRootSource,
};
use perry_sandbox_reference::{Digest, Platform};
use perry_sandbox_verifier::{Clock, Code, Denial, VerifiedImage, verify};
use serde_json::{Value, json};

pub(crate) const INDEX: &str = "sha256:b95c9630cd7cb679d1382a7107a5c86cfc62cf9814f4c31008d4ce957081206f";
pub(crate) const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
pub(crate) const ISSUER: &str = "https://token.actions.example.test";
/// The layouts that carry a keyless signature.
pub(crate) const KEYLESS: [&str; 3] = ["cosign2-kl2ts", "cosign3-kl3v1", "cosign3-kl3v2"];

pub(crate) fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(path)
}

pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(data(path)).unwrap()
}

pub(crate) fn layout(name: &str) -> Layout {
    Layout::open(&data(&format!("signed/{name}"))).unwrap()
}

pub(crate) fn image(source: &dyn Source) -> ResolvedImage {
    let platform: Platform = "linux/amd64".parse().unwrap();
    resolve(source, &Wanted::Digest(INDEX.parse().unwrap()), &platform).unwrap()
}

/// A day after the fixtures were signed.
pub(crate) fn clock() -> Clock {
    Clock::at("2026-11-22T21:00:00Z".parse::<Timestamp>().unwrap())
}

pub(crate) fn root_of(json: String) -> TrustRoot {
    let digest = Digest::of(json.as_bytes());
    TrustRoot { name: "test".parse().unwrap(), json, digest, source: TrustRootSource::File }
}

pub(crate) fn root() -> TrustRoot {
    root_of(text("signed/trusted_root.json"))
}

pub(crate) fn key(name: &str, pem: String, root: Option<TrustRoot>) -> Signer {
    Signer::new(name.parse().unwrap(), SignerIdentity::Key { pem, root })
}

pub(crate) fn keyless(name: &str, issuer: &str, subject: SubjectPattern, root: TrustRoot) -> Signer {
    let issuer = IssuerPattern::Exact(issuer.to_owned());
    let identity = SignerIdentity::Keyless { issuer, subject, claims: BTreeMap::new(), root };
    Signer::new(name.parse().unwrap(), identity)
}

pub(crate) fn acme() -> Signer {
    keyless("acme", ISSUER, SubjectPattern::Exact(IDENTITY.to_owned()), root())
}

pub(crate) fn require(signers: Vec<Signer>) -> Requirement {
    Requirement::signed_by(signers)
}

/// The signer that each layout was signed by.
pub(crate) fn signer_of(layout: &str) -> Signer {
    match layout {
        "cosign2-key2" | "cosign3-key3" => key("plant", text("signed/keys/cosign.pub"), None),
        "cosign2-key2ed" => key("plant", text("signed/keys/ed.pub"), None),
        _ => acme(),
    }
}

pub(crate) fn check(source: &dyn Source, requirement: &Requirement) -> Result<VerifiedImage, Denial> {
    verify(source, &image(source), requirement, clock())
}

/// Whether a denial names this code anywhere.
#[track_caller]
pub(crate) fn denied(outcome: Result<VerifiedImage, Denial>, code: Code) {
    match outcome {
        Ok(image) => panic!("accepted, wanted {code}: {:?}", image.evidence()),
        Err(denial) => assert!(denial.findings().any(|it| it.code == code), "wanted {code}:\n{denial}"),
    }
}

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Every blob of a layout, without its signatures: nothing points at those.
pub(crate) fn bare(name: &str) -> Memory {
    let mut source = Memory::default();
    for entry in fs::read_dir(data(&format!("signed/{name}/blobs/sha256"))).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        let value: Option<Value> = serde_json::from_slice(&bytes).ok();
        let simple = "application/vnd.dev.cosign.simplesigning.v1+json";
        let signature = value
            .as_ref()
            .is_some_and(|it| it.get("subject").is_some() || it["layers"][0]["mediaType"] == simple);
        if !signature {
            match value.as_ref().and_then(|it| it["mediaType"].as_str()) {
                Some(kind) => source.add_manifest(bytes, kind),
                None => source.add(bytes),
            };
        }
    }
    source
}

/// The bundle in a layout of cosign 3.
pub(crate) fn bundle_of(name: &str) -> Value {
    let blobs = fs::read_dir(data(&format!("signed/{name}/blobs/sha256"))).unwrap();
    let values =
        blobs.filter_map(|it| serde_json::from_slice::<Value>(&fs::read(it.unwrap().path()).unwrap()).ok());
    values.into_iter().find(|it| it.get("verificationMaterial").is_some()).unwrap()
}

/// Attaches a bundle as cosign 3 does; gives the referrer's digest.
pub(crate) fn attach(source: &mut Memory, bundle: &Value, subject: &Digest) -> Digest {
    attach_bytes(source, bundle.to_string().as_bytes(), subject)
}

pub(crate) fn attach_bytes(source: &mut Memory, bundle: &[u8], subject: &Digest) -> Digest {
    let layer = source.add(bundle);
    let config = source.add(b"{}".to_vec());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST, "artifactType": BUNDLE,
        "config": {"mediaType": media_type::EMPTY, "digest": config.as_str(), "size": 2},
        "layers": [{"mediaType": BUNDLE, "digest": layer.as_str(), "size": bundle.len()}],
        "subject": {"mediaType": media_type::OCI_INDEX, "digest": subject.as_str(), "size": 517},
    });
    source.add_manifest(manifest.to_string(), media_type::OCI_MANIFEST)
}

/// A layout of cosign 3 whose bundle was changed, with everything around it put right again.
pub(crate) fn replaced(name: &str, change: impl FnOnce(&mut Value)) -> Memory {
    let mut bundle = bundle_of(name);
    change(&mut bundle);
    let mut source = bare(name);
    attach(&mut source, &bundle, &INDEX.parse().unwrap());
    source
}

const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The payload and the annotations in a layout of cosign 2.
pub(crate) fn simple_of(name: &str) -> (Vec<u8>, Value) {
    let folder = data(&format!("signed/{name}/blobs/sha256"));
    let blobs = fs::read_dir(&folder).unwrap();
    let values =
        blobs.filter_map(|it| serde_json::from_slice::<Value>(&fs::read(it.unwrap().path()).unwrap()).ok());
    let manifest = values.into_iter().find(|it| it["layers"][0]["mediaType"] == SIMPLE).unwrap();
    let layer = &manifest["layers"][0];
    let digest: Digest = layer["digest"].as_str().unwrap().parse().unwrap();
    (fs::read(folder.join(digest.hex())).unwrap(), layer["annotations"].clone())
}

/// A manifest with simple-signing layers, about `subject` or found by its tag.
pub(crate) fn simple_manifest(
    source: &mut Memory,
    layers: &[(&[u8], &Value)],
    subject: Option<&Digest>,
) -> Digest {
    let layers: Vec<_> = layers
        .iter()
        .map(|(payload, annotations)| {
            let digest = source.add(*payload);
            json!({"mediaType": SIMPLE, "digest": digest.as_str(), "size": payload.len(), "annotations": annotations})
        })
        .collect();
    let config = source.add(b"{}".to_vec());
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.dev.cosign.artifact.sig.v1+json", "digest": config.as_str(), "size": 2},
        "layers": layers,
    });
    if let Some(subject) = subject {
        manifest["subject"] =
            json!({"mediaType": media_type::OCI_INDEX, "digest": subject.as_str(), "size": 517});
    }
    source.add_manifest(manifest.to_string(), media_type::OCI_MANIFEST)
}

/// The layout's image with one simple signature under the tag that cosign 2 uses.
pub(crate) fn with_simple(name: &str, payload: &[u8], annotations: &Value) -> Memory {
    let mut source = bare(name);
    let manifest = simple_manifest(&mut source, &[(payload, annotations)], None);
    source.set_tag(&format!("{}.sig", INDEX.replace(':', "-")), manifest);
    source
}

/// A manifest as cosign 2's `attest` stores it, under its tag.
pub(crate) fn attach_legacy_attestation(source: &mut Memory, envelope: &str, annotations: &Value) {
    let layer = source.add(envelope.as_bytes());
    let config = source.add(b"{}".to_vec());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
        "config": {"mediaType": media_type::OCI_CONFIG, "digest": config.as_str(), "size": 2},
        "layers": [{
            "mediaType": "application/vnd.dsse.envelope.v1+json", "digest": layer.as_str(),
            "size": envelope.len(), "annotations": annotations,
        }],
    });
    let manifest = source.add_manifest(manifest.to_string(), media_type::OCI_MANIFEST);
    source.set_tag(&format!("{}.att", INDEX.replace(':', "-")), manifest);
}
