//! Fixtures: signed layouts, requirements, and sources that can be changed.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use perry_sandbox_image::{Layout, ResolvedImage, Source, Wanted, resolve};
use perry_sandbox_policy::{
    IssuerPattern, LogRule, RepositoryRule, Requirement, Signer, SignerIdentity, SubjectPattern, TrustRoot,
    TrustRootSource,
};
use perry_sandbox_reference::{Digest, Platform};
use perry_sandbox_verifier::{Clock, Code, Denial, VerifiedImage, verify};

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
    Signer { name: name.parse().unwrap(), identity: SignerIdentity::Key { pem, root } }
}

pub(crate) fn keyless(name: &str, issuer: &str, subject: SubjectPattern, root: TrustRoot) -> Signer {
    let issuer = IssuerPattern::Exact(issuer.to_owned());
    let identity = SignerIdentity::Keyless { issuer, subject, claims: BTreeMap::new(), root };
    Signer { name: name.parse().unwrap(), identity }
}

pub(crate) fn acme() -> Signer {
    keyless("acme", ISSUER, SubjectPattern::Exact(IDENTITY.to_owned()), root())
}

pub(crate) fn require(signers: Vec<Signer>) -> Requirement {
    Requirement {
        rule: None,
        repository: RepositoryRule::Unknown,
        digests: None,
        signers,
        at_least: NonZeroU32::MIN,
        provenance: None,
        max_age: None,
        log: LogRule::Optional,
    }
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
