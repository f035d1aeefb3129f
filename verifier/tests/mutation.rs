//! One changed bit anywhere in what is signed, or in what proves it, denies.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_image::Memory;
use perry_sandbox_verifier::{DenialClass, verify};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{self, INDEX, attach_bytes, bare, bundle_of, clock, image, require, signer_of};

/// A signature bundle and the places in it where every bit counts.
const PLACES: [(&str, &str); 13] = [
    ("cosign3-key3", "/dsseEnvelope/payload"),
    ("cosign3-key3", "/dsseEnvelope/signatures/0/sig"),
    ("cosign3-kl3v1", "/dsseEnvelope/payload"),
    ("cosign3-kl3v1", "/dsseEnvelope/signatures/0/sig"),
    ("cosign3-kl3v1", "/verificationMaterial/certificate/rawBytes"),
    ("cosign3-kl3v1", "/verificationMaterial/tlogEntries/0/canonicalizedBody"),
    ("cosign3-kl3v1", "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp"),
    ("cosign3-kl3v1", "/verificationMaterial/tlogEntries/0/inclusionProof/rootHash"),
    ("cosign3-kl3v1", "/verificationMaterial/tlogEntries/0/logId/keyId"),
    ("cosign3-kl3v2", "/dsseEnvelope/payload"),
    ("cosign3-kl3v2", "/dsseEnvelope/signatures/0/sig"),
    ("cosign3-kl3v2", "/verificationMaterial/certificate/rawBytes"),
    ("cosign3-kl3v2", "/verificationMaterial/tlogEntries/0/canonicalizedBody"),
];

fn flip(bytes: &mut [u8], at: prop::sample::Index, bit: u32) {
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
}

fn accepted(source: &Memory, name: &str) -> bool {
    match verify(source, &image(source), &require(vec![signer_of(name)]), clock()) {
        Ok(_) => true,
        Err(denial) => {
            assert_eq!(denial.class, DenialClass::NotVerified, "{denial}");
            assert!(denial.to_string().len() < 20_000);
            false
        }
    }
}

fn with_bundle(name: &str, bundle: &[u8]) -> bool {
    let mut source = bare(name);
    attach_bytes(&mut source, bundle, &INDEX.parse().unwrap());
    accepted(&source, name)
}

/// A signature of cosign 2: payload, and the annotations that prove it.
static SIMPLE: LazyLock<Vec<(&str, Vec<u8>, Value)>> = LazyLock::new(|| {
    ["cosign2-key2", "cosign2-key2ed", "cosign2-kl2ts"]
        .map(|name| {
            let (payload, annotations) = kit::simple_of(name);
            (name, payload, annotations)
        })
        .into()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_bit_of_a_signed_field_denies(place in 0..PLACES.len(), at: prop::sample::Index, bit in 0_u32..8) {
        let (name, path) = PLACES[place];
        let mut bundle = bundle_of(name);
        let field = bundle.pointer_mut(path).unwrap();
        let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
        flip(&mut bytes, at, bit);
        *field = json!(STANDARD.encode(bytes));
        prop_assert!(!with_bundle(name, bundle.to_string().as_bytes()), "{name} {path}");
    }

    #[test]
    fn a_bit_of_a_simple_signature_denies(which in 0..3_usize, part in 0..2_usize, at: prop::sample::Index, bit in 0_u32..8) {
        let (name, payload, annotations) = &SIMPLE[which];
        let (mut payload, mut annotations) = (payload.clone(), annotations.clone());
        if part == 0 {
            flip(&mut payload, at, bit);
        } else {
            let field = &mut annotations["dev.cosignproject.cosign/signature"];
            let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
            flip(&mut bytes, at, bit);
            *field = json!(STANDARD.encode(bytes));
        }
        prop_assert!(!accepted(&kit::with_simple(name, &payload, &annotations), name), "{name}");
    }

    #[test]
    fn tob_sigstore_3_a_bit_of_a_simple_signatures_log_entry_denies(body: bool, at: prop::sample::Index, bit in 0_u32..8) {
        const ENTRY: &str = "dev.sigstore.cosign/bundle";
        let (name, payload, annotations) = &SIMPLE[2];
        let mut annotations = annotations.clone();
        let mut entry: Value = serde_json::from_str(annotations[ENTRY].as_str().unwrap()).unwrap();
        let field = entry.pointer_mut(if body { "/Payload/body" } else { "/SignedEntryTimestamp" }).unwrap();
        let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
        flip(&mut bytes, at, bit);
        *field = json!(STANDARD.encode(bytes));
        annotations[ENTRY] = json!(entry.to_string());
        prop_assert!(!accepted(&kit::with_simple(name, payload, &annotations), name), "{name}");
    }

    #[test]
    fn no_byte_of_a_bundle_makes_it_panic(which in 0..2_usize, at: prop::sample::Index, byte: u8) {
        let name = ["cosign3-kl3v1", "cosign3-kl3v2"][which];
        let mut bundle = bundle_of(name).to_string().into_bytes();
        let at = at.index(bundle.len());
        bundle[at] = byte;
        // Some changes leave the meaning alone, a space for a space; none may end in a panic or a failure.
        with_bundle(name, &bundle);
    }
}

#[test]
fn without_a_change_all_are_accepted() {
    for (name, _) in PLACES {
        assert!(with_bundle(name, bundle_of(name).to_string().as_bytes()), "{name}");
    }
    for (name, payload, annotations) in SIMPLE.iter() {
        assert!(accepted(&kit::with_simple(name, payload, annotations), name), "{name}");
    }
}
