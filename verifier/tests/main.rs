//! The verifier against real signatures, the public conformance suite, and the ways in which others were fooled.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and is documented by its name"
)]

mod asked;
mod authorities;
mod cache;
mod claims;
mod conformance;
mod conformance_rules;
mod corpora;
mod differential_bundles;
mod differential_faults;
mod differential_images;
mod differential_kit;
mod discovery;
mod holes;
mod keyless_child;
mod keyless_cosign;
mod keyless_hostile;
mod keyless_kit;
mod keyless_sealed;
mod keys;
mod kit;
mod mutation;
mod mutation_regions;
mod others;
mod pki;
mod proofs;
mod requests;
mod signed;
mod tightening;
mod trial;
#[cfg(feature = "tuf")]
mod tuf;
