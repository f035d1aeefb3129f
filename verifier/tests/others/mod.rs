//! What other verifiers got wrong, each by the identifier under which it was published.

mod content;
mod perry;
mod rows;
mod times;

use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{Proofs, Sigstore};
use perry_sandbox_verifier::{BundleEvidence, Code, Denial, Signed, verify_bundle};
use serde_json::Value;

use crate::keyless_kit::holder;
use crate::kit::{clock, require};

fn artifact() -> Digest {
    Digest::of(b"artifact")
}

/// An instance whose signatures have these proofs.
fn instance(proofs: Proofs) -> Sigstore {
    Sigstore { proofs, ..Sigstore::default() }
}

fn run(instance: &Sigstore, bundle: &Value) -> Result<BundleEvidence, Denial> {
    let requirement = require(vec![holder(instance)]);
    verify_bundle(bundle.to_string().as_bytes(), Signed::Digest(&artifact()), &requirement, clock())
}

#[track_caller]
fn refused(outcome: Result<BundleEvidence, Denial>, codes: &[Code]) {
    let denial = outcome.unwrap_err();
    assert!(denial.findings().any(|it| codes.contains(&it.code)), "wanted one of {codes:?}:\n{denial}");
}
