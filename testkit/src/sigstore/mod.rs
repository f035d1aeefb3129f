//! A Sigstore of one's own: Fulcio, Rekor of both versions, a time-stamp authority, and what they vouch for.
//!
//! [`Sigstore`] makes keys and certificates, and signs images in all the forms in which cosign stores signatures,
//! without cosign and in about a millisecond. Its fields are public: a test makes one thing wrong, signs, and wants
//! the signature refused. [`Services`] puts the same instance behind HTTP on loopback, so that the real cosign 2 and
//! 3 sign with it ([`Cosign`]).
//!
//! Certificates are built with `x509-cert` and signed with `aws-lc-rs`, both of which are in the tree anyway;
//! `rcgen` would not write half of what must be refused here, such as two equal extensions. What only stands in
//! signatures (time stamps, SCTs, tree heads) is encoded by hand, independent of the code that is tested.

mod answers;
mod attach;
mod certificate;
mod cosign;
mod der;
mod instance;
mod key;
mod log;
pub mod merkle;
mod services;
mod sign;
mod stamp;

pub use attach::{ENVELOPE_LAYER, Found, SIMPLE_LAYER, attach_bundle, attach_layers, fallback_index};
pub use certificate::{
    CODE_SIGNING, TIME_STAMPING, bare_claim, basic_constraints, claim, email, extended_key_usage, extension,
    key_usage, leaf_extensions, names, old_issuer, uri,
};
pub use cosign::{Cosign, Signed};
pub use der::{b64, hex, oid, pae, pem, sha256, unb64};
pub use instance::{IDENTITY, ISSUER, Proofs, SIGNED_AT, Sigstore};
pub use key::Key;
pub use log::{Entry, Log, Version};
pub use services::Services;
pub use sign::{BUNDLE, IN_TOTO, SIGN, simple_payload, subject};
pub use stamp::Tsa;
/// The names and usages that [`names`] and [`key_usage`] take.
pub use x509_cert::ext::{
    Extension,
    pkix::{KeyUsages, name::GeneralName},
};
