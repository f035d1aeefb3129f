//! Signature bundles: any bytes are judged, and nothing made up is accepted.
#![no_main]

use std::num::NonZeroU32;

use perry_sandbox_policy::{LogRule, Requirement, RepositoryRule, Signer, SignerIdentity};
use perry_sandbox_verifier::{Clock, Signed, verify_bundle};

const KEY: &str = include_str!("../../examples/hello/cosign.pub");

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let identity = SignerIdentity::Key { pem: KEY.to_owned(), root: None };
    let requirement = Requirement {
        rule: None,
        repository: RepositoryRule::Unknown,
        digests: None,
        signers: vec![Signer { name: "fuzz".parse().expect("a name"), identity }],
        at_least: NonZeroU32::MIN,
        provenance: None,
        max_age: None,
        log: LogRule::Optional,
    };
    let clock = Clock::at(jiff::Timestamp::UNIX_EPOCH);
    assert!(verify_bundle(bytes, Signed::Bytes(b"something"), &requirement, clock).is_err());
});
