//! What one verification costs: a layout's files read, every check, the decision.
//!
//! Run with `cargo bench -p perry-sandbox-verifier`.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use divan::{Bencher, black_box};
use jiff::Timestamp;
use perry_sandbox_image::{Layout, ResolvedImage, Wanted, resolve};
use perry_sandbox_policy::{
    IssuerPattern, Requirement, Signer, SignerIdentity, SubjectPattern, TrustRoot, TrustRootSource,
};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{Clock, verify};

const INDEX: &str = "sha256:b95c9630cd7cb679d1382a7107a5c86cfc62cf9814f4c31008d4ce957081206f";
const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";

fn main() {
    divan::main();
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signed").join(path)).unwrap()
}

fn requirement(identity: SignerIdentity) -> Requirement {
    Requirement::signed_by(vec![Signer::new("bench".parse().unwrap(), identity)])
}

fn keyless() -> Requirement {
    let json = read("trusted_root.json");
    let digest = Digest::of(json.as_bytes());
    let name = "bench".parse().unwrap();
    requirement(SignerIdentity::Keyless {
        issuer: IssuerPattern::Exact("https://token.actions.example.test".to_owned()),
        subject: SubjectPattern::Exact(IDENTITY.to_owned()),
        claims: BTreeMap::new(),
        root: TrustRoot { name, json, digest, source: TrustRootSource::File },
    })
}

fn key(file: &str) -> Requirement {
    requirement(SignerIdentity::Key { pem: read(file), root: None })
}

fn open(name: &str) -> (Layout, ResolvedImage) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signed").join(name);
    let source = Layout::open(&path).unwrap();
    let platform = "linux/amd64".parse().unwrap();
    let image = resolve(&source, &Wanted::Digest(INDEX.parse().unwrap()), &platform).unwrap();
    (source, image)
}

fn run(bencher: Bencher<'_, '_>, layout: &str, requirement: &Requirement) {
    let (source, image) = open(layout);
    bencher.bench_local(|| {
        let clock = Clock::at(Timestamp::now());
        verify(black_box(&source), &image, requirement, clock).unwrap()
    });
}

/// A managed key's signature, by cosign 2 (simple signing) or cosign 3 (bundle).
#[divan::bench(args = ["cosign2-key2", "cosign3-key3"])]
fn managed_key(bencher: Bencher<'_, '_>, layout: &str) {
    run(bencher, layout, &key("keys/cosign.pub"));
}

/// A certificate's signature, with its log, its time stamp, and its trust root read anew each time.
#[divan::bench(args = ["cosign2-kl2ts", "cosign3-kl3v1", "cosign3-kl3v2"])]
fn certificate(bencher: Bencher<'_, '_>, layout: &str) {
    run(bencher, layout, &keyless());
}
