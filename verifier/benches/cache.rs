//! What a question costs whose answer is known: in memory, and on disk.
//!
//! Run with `cargo bench -p perry-sandbox-verifier --bench cache`.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use divan::{Bencher, black_box};
use perry_sandbox_image::{Layout, ResolvedImage, Wanted, resolve};
use perry_sandbox_policy::{
    IssuerPattern, Requirement, Signer, SignerIdentity, SubjectPattern, TrustRoot, TrustRootSource,
};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{CacheLimits, Clock, Verifier};

const INDEX: &str = "sha256:b95c9630cd7cb679d1382a7107a5c86cfc62cf9814f4c31008d4ce957081206f";

fn main() {
    divan::main();
}

fn data(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signed").join(path)
}

fn keyless() -> Requirement {
    let json = std::fs::read_to_string(data("trusted_root.json")).unwrap();
    let digest = Digest::of(json.as_bytes());
    let root = TrustRoot { name: "bench".parse().unwrap(), json, digest, source: TrustRootSource::File };
    let workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
    let identity = SignerIdentity::Keyless {
        issuer: IssuerPattern::Exact("https://token.actions.example.test".to_owned()),
        subject: SubjectPattern::Exact(workflow.to_owned()),
        claims: BTreeMap::new(),
        root,
    };
    Requirement::signed_by(vec![Signer::new("bench".parse().unwrap(), identity)])
}

fn open() -> (Layout, ResolvedImage, Requirement) {
    let source = Layout::open(&data("cosign3-kl3v1")).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let image = resolve(&source, &Wanted::Digest(INDEX.parse().unwrap()), &platform).unwrap();
    (source, image, keyless())
}

fn clock() -> Clock {
    Clock::at("2026-11-22T21:00:00Z".parse().unwrap())
}

/// The same process has asked before.
#[divan::bench]
fn in_memory(bencher: Bencher<'_, '_>) {
    let (source, image, requirement) = open();
    let verifier = Verifier::new(CacheLimits::default());
    drop(verifier.verify(&source, &image, &requirement, clock()).unwrap());
    let clock = clock();
    bencher.bench(|| verifier.verify(black_box(&source), &image, &requirement, clock).unwrap());
}

/// Another process has asked before: the key and the answer are read, the seal and the digests checked.
#[divan::bench]
fn on_disk(bencher: Bencher<'_, '_>) {
    let (source, image, requirement) = open();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("verified");
    let verifier = || Verifier::new(CacheLimits::default()).with_folder(&place).unwrap();
    drop(verifier().verify(&source, &image, &requirement, clock()).unwrap());
    let clock = clock();
    bencher.bench(|| verifier().verify(black_box(&source), &image, &requirement, clock).unwrap());
}
