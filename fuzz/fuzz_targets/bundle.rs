//! Signature bundles: any bytes are judged, and nothing made up is accepted.
#![no_main]

use perry_sandbox_policy::{Requirement, Signer, SignerIdentity};
use perry_sandbox_verifier::{Clock, Signed, verify_bundle};

const KEY: &str = include_str!("../../examples/hello/cosign.pub");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let identity = SignerIdentity::Key { pem: KEY.to_owned(), root: None };
    let requirement = Requirement::signed_by(vec![Signer::new("fuzz".parse().expect("a name"), identity)]);
    let clock = Clock::at(jiff::Timestamp::UNIX_EPOCH);
    assert!(verify_bundle(bytes, Signed::Bytes(b"something"), &requirement, clock).is_err());
});
