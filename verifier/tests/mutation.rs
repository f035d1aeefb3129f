//! One changed bit anywhere in what is signed, or in what proves it, denies.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_image::Memory;
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{Proofs, Sigstore};
use perry_sandbox_verifier::{DenialClass, Signed, verify, verify_bundle};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::keyless_kit::holder;
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
    fn a_bit_of_the_test_kits_own_signatures_denies(which in 0..MADE.len(), part: prop::sample::Index, at: prop::sample::Index, bit in 0_u32..8) {
        let (instance, bundle) = &MADE[which];
        let fields = signed_fields(bundle);
        let path = &fields[part.index(fields.len())];
        let mut bundle = bundle.clone();
        let field = bundle.pointer_mut(path).unwrap();
        let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
        flip(&mut bytes, at, bit);
        *field = json!(STANDARD.encode(bytes));
        prop_assert!(!made_is_accepted(instance, &bundle), "{path}");
    }

    #[test]
    fn a_bit_of_a_checkpoints_signed_text_denies(which in 0..MADE.len(), at: prop::sample::Index, bit in 0_u32..7) {
        let (instance, bundle) = &MADE[which];
        let mut bundle = bundle.clone();
        let field = bundle.pointer_mut("/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope").unwrap();
        let text = field.as_str().unwrap().to_owned();
        // Up to the blank line, which ends what the log signed.
        let signed = text.find("\n\n").unwrap();
        let mut bytes = text.into_bytes();
        let at = at.index(signed);
        bytes[at] ^= 1 << bit;
        // Flips of the six lower bits and the seventh keep ASCII ASCII.
        *field = json!(String::from_utf8(bytes).unwrap());
        prop_assert!(!made_is_accepted(instance, &bundle), "byte {at}");
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

/// Bundles of the test kit's instances, one for each way to prove a time.
static MADE: LazyLock<Vec<(Sigstore, Value)>> = LazyLock::new(|| {
    [Proofs::V1, Proofs::V1Stamped, Proofs::V2]
        .map(|proofs| {
            let instance = Sigstore { proofs, ..Sigstore::default() };
            let bundle = instance.image_signature(&Digest::of(b"artifact"));
            (instance, bundle)
        })
        .into()
});

pub(crate) fn made_is_accepted(instance: &Sigstore, bundle: &Value) -> bool {
    let requirement = require(vec![holder(instance)]);
    let digest = Digest::of(b"artifact");
    verify_bundle(bundle.to_string().as_bytes(), Signed::Digest(&digest), &requirement, clock()).is_ok()
}

/// Every field in base64 whose bytes are signed, or prove something that is. Time stamps are left to
/// [`a_bit_of_a_time_stamp_never_changes_what_is_proved`]: a token has parts that nothing signs.
fn signed_fields(bundle: &Value) -> Vec<String> {
    let mut fields = vec![
        "/dsseEnvelope/payload".to_owned(),
        "/dsseEnvelope/signatures/0/sig".to_owned(),
        "/verificationMaterial/certificate/rawBytes".to_owned(),
    ];
    for field in [
        "canonicalizedBody",
        "inclusionPromise/signedEntryTimestamp",
        "inclusionProof/rootHash",
        "logId/keyId",
    ] {
        fields.push(format!("/verificationMaterial/tlogEntries/0/{field}"));
    }
    // Of an entry of the second version the root is taken from the checkpoint; the copy beside it is never read.
    let second = bundle.pointer("/verificationMaterial/tlogEntries/0/inclusionPromise").is_none();
    fields.retain(|path| bundle.pointer(path).is_some() && !(second && path.ends_with("rootHash")));
    fields
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_bit_of_a_time_stamp_never_changes_what_is_proved(which in 1..3_usize, at: prop::sample::Index, bit in 0_u32..8) {
        let (instance, bundle) = &MADE[which];
        let place = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";
        let mut changed = bundle.clone();
        let field = changed.pointer_mut(place).unwrap();
        let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
        flip(&mut bytes, at, bit);
        *field = json!(STANDARD.encode(bytes));
        let requirement = require(vec![holder(instance)]);
        let digest = Digest::of(b"artifact");
        let judge = |bundle: &Value| {
            verify_bundle(bundle.to_string().as_bytes(), Signed::Digest(&digest), &requirement, clock())
        };
        if let Ok(evidence) = judge(&changed) {
            let good = judge(bundle).unwrap();
            prop_assert_eq!(&evidence.signatures[0].times, &good.signatures[0].times);
            prop_assert_eq!(&evidence.signatures[0].by, &good.signatures[0].by);
        }
    }
}

#[test]
fn without_a_change_all_are_accepted() {
    for (instance, bundle) in MADE.iter() {
        assert!(made_is_accepted(instance, bundle) && signed_fields(bundle).len() >= 5);
    }
    for (name, _) in PLACES {
        assert!(with_bundle(name, bundle_of(name).to_string().as_bytes()), "{name}");
    }
    for (name, payload, annotations) in SIMPLE.iter() {
        assert!(accepted(&kit::with_simple(name, payload, annotations), name), "{name}");
    }
}
