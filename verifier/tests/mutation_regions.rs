//! One changed bit in each region that something signs, form by form: annotations of cosign 2, keys of every kind, time
//! stamps, checkpoints, and the numbers that place an entry in its log.
//!
//! What nothing signs is left out by construction: the case of the hexadecimal digits of a log's id in an annotation
//! (the bytes are compared), the name before a checkpoint's signature of a log of the first version (the key's id is),
//! the copies of index, size and root in proofs of the second (the checkpoint's are taken, and the entry's own index,
//! which the path proves; cosign does the same), and the parts of a time stamp outside of its statement, its signed
//! attributes and its signature.

use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_image::Memory;
use perry_sandbox_policy::{PredicateRule, ProvenanceRule, Requirement};
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{Proofs, SIGN, Sigstore, pem, subject};
use perry_sandbox_verifier::{Code, DenialClass, Signed, verify_bundle};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::keyless_kit::holder;
use crate::kit::{
    INDEX, acme, attach, attach_legacy_attestation, bare, check, clock, key, require, simple_of, text,
    with_simple,
};
use crate::mutation::made_is_accepted;

const SLSA: &str = "https://slsa.dev/provenance/v1";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const ENTRY: &str = "dev.sigstore.cosign/bundle";

fn flip(bytes: &mut [u8], at: prop::sample::Index, bit: u32) {
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << (bit % 8);
}

/// Flips a bit of the bytes behind some base64.
fn flip_encoded(field: &mut Value, at: prop::sample::Index, bit: u32) {
    let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
    flip(&mut bytes, at, bit);
    *field = json!(STANDARD.encode(bytes));
}

#[track_caller]
fn accepted(source: &Memory, requirement: &Requirement) -> bool {
    match check(source, requirement) {
        Ok(_) => true,
        Err(denial) => {
            assert_eq!(denial.class, DenialClass::NotVerified, "{denial}");
            false
        }
    }
}

// Annotations of cosign 2.

/// What of an annotation is signed, by the authority, the log, or the signer.
const PARTS: [&str; 6] =
    ["certificate", "SignedEntryTimestamp", "body", "logID", "integratedTime", "logIndex"];

/// Flips one bit of a part.
fn change(annotations: &mut Value, part: &str, at: prop::sample::Index, bit: u32) {
    if part == "certificate" {
        let text = annotations[CERTIFICATE].as_str().unwrap();
        let inner: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        let mut der = STANDARD.decode(inner).unwrap();
        flip(&mut der, at, bit);
        annotations[CERTIFICATE] = json!(pem("CERTIFICATE", &der));
        return;
    }
    let mut entry: Value = serde_json::from_str(annotations[ENTRY].as_str().unwrap()).unwrap();
    match part {
        "SignedEntryTimestamp" => flip_encoded(&mut entry[part], at, bit),
        "body" => flip_encoded(&mut entry["Payload"][part], at, bit),
        "logID" => {
            let mut digits = entry["Payload"][part].as_str().unwrap().to_owned().into_bytes();
            let at = at.index(digits.len());
            let digit = char::from(digits[at]).to_digit(16).unwrap() ^ 1 << (bit % 4);
            digits[at] = u8::try_from(char::from_digit(digit, 16).unwrap()).unwrap();
            entry["Payload"][part] = json!(String::from_utf8(digits).unwrap());
        }
        _ => {
            let number = entry["Payload"][part].as_i64().unwrap();
            entry["Payload"][part] = json!(number ^ 1 << (bit % 64));
        }
    }
    annotations[ENTRY] = json!(entry.to_string());
}

/// The image with an attestation of cosign 2, and what asks for it.
struct Attested {
    signature: Value,
    envelope: Value,
    annotations: Value,
    requirement: Requirement,
}

impl Attested {
    fn new() -> Self {
        let instance = Sigstore::default();
        let about = subject(&INDEX.parse().unwrap());
        let mut requirement = require(vec![holder(&instance)]);
        requirement.provenance = Some(ProvenanceRule {
            predicate: SLSA.to_owned(),
            by: vec![holder(&instance)],
            says: PredicateRule::default(),
        });
        let signature = instance.bundle(SIGN, &about);
        let (envelope, annotations) = instance.legacy_attestation(SLSA, &about);
        Self { signature, envelope: serde_json::from_str(&envelope).unwrap(), annotations, requirement }
    }

    fn is_accepted(&self, envelope: &Value, annotations: &Value) -> bool {
        let mut source = bare("cosign3-kl3v1");
        attach(&mut source, &self.signature, &INDEX.parse().unwrap());
        attach_legacy_attestation(&mut source, &envelope.to_string(), annotations);
        accepted(&source, &self.requirement)
    }
}

static ATTESTED: LazyLock<Attested> = LazyLock::new(Attested::new);

/// A keyless signature that the real cosign 2 made.
static SIMPLE: LazyLock<(Vec<u8>, Value)> = LazyLock::new(|| simple_of("cosign2-kl2ts"));

fn simple_is_accepted(payload: &[u8], annotations: &Value) -> bool {
    accepted(&with_simple("cosign2-kl2ts", payload, annotations), &require(vec![acme()]))
}

// Keys.

static MANAGED: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(&text("managed.json")).unwrap());

/// Kinds of keys, with the hash that bundles use with each.
const KINDS: [(&str, &str); 5] = [
    ("p256", "sha256"),
    ("p384", "sha384"),
    ("rsa2048", "sha256"),
    ("rsa4096", "sha256"),
    ("ed25519", "sha256"),
];

/// What a key signed, in one of the two forms, and the signature.
fn made_by((kind, hash): (&str, &str), bundled: bool) -> (Vec<u8>, Vec<u8>) {
    let (what, hash) = if bundled { ("statement", hash) } else { ("payload", "sha256") };
    let signature = MANAGED["keys"][kind][hash][what].as_str().unwrap();
    (MANAGED[what].as_str().unwrap().as_bytes().to_vec(), STANDARD.decode(signature).unwrap())
}

fn key_accepts(kind: &str, bundled: bool, signed: &[u8], signature: &[u8]) -> bool {
    let pem = MANAGED["keys"][kind]["public"].as_str().unwrap().to_owned();
    let signature = STANDARD.encode(signature);
    let source = if bundled {
        let mut source = bare("cosign2-key2");
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": ""}},
            "dsseEnvelope": {
                "payload": STANDARD.encode(signed), "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": signature}],
            },
        });
        attach(&mut source, &bundle, &INDEX.parse().unwrap());
        source
    } else {
        with_simple("cosign2-key2", signed, &json!({"dev.cosignproject.cosign/signature": signature}))
    };
    accepted(&source, &require(vec![key("plant", pem, None)]))
}

// Bundles of the test kit.

/// A bundle for each way to prove a time, in logs that have other entries too.
static MADE: LazyLock<Vec<(Sigstore, Value)>> = LazyLock::new(|| {
    [Proofs::V1, Proofs::V1Stamped, Proofs::V2]
        .map(|proofs| {
            let instance = Sigstore { proofs, ..Sigstore::default() };
            for at in 0..5 {
                instance.log.append(&json!({"at": at}), 0);
                instance.tiled.append(&json!({"at": at}), 0);
            }
            let bundle = instance.image_signature(&Digest::of(b"artifact"));
            (instance, bundle)
        })
        .into()
});

const ENTRY_AT: &str = "/verificationMaterial/tlogEntries/0";

/// The elements inside of a DER element: tag, and where their content lies.
#[expect(clippy::arithmetic_side_effects, reason = "lengths of a token that this test made")]
fn inside(der: &[u8], content: Range<usize>) -> Vec<(u8, Range<usize>)> {
    let mut list = Vec::new();
    let mut at = content.start;
    while at < content.end {
        let (tag, first) = (der[at], usize::from(der[at + 1]));
        let long = if first < 0x80 { 0 } else { first & 0x7f };
        let start = at + 2 + long;
        let length = if long == 0 {
            first
        } else {
            der[at + 2..start].iter().fold(0, |n, b| n << 8 | usize::from(*b))
        };
        list.push((tag, start..start + length));
        at = start + length;
    }
    list
}

/// What of a time stamp is signed: its statement, the signed attributes, and the signature itself.
fn stamped(token: &[u8]) -> [Range<usize>; 3] {
    let step = |content: Range<usize>, at: usize| inside(token, content)[at].1.clone();
    let response = step(0..token.len(), 0);
    let data = step(step(step(response, 1), 1), 0);
    let statement = step(step(step(data.clone(), 2), 1), 0);
    let signers = inside(token, data).last().unwrap().1.clone();
    let signer = inside(token, step(signers, 0));
    let find = |tag: u8| signer.iter().find(|(it, _)| *it == tag).unwrap().1.clone();
    [statement, find(0xa0), find(0x04)]
}

const STAMP_AT: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp";

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn a_bit_of_the_certificate_or_log_entry_in_an_annotation_denies(
        part in 0..PARTS.len(), attestation: bool, at: prop::sample::Index, bit in 0_u32..64,
    ) {
        let part = PARTS[part];
        if attestation {
            let mut annotations = ATTESTED.annotations.clone();
            change(&mut annotations, part, at, bit);
            prop_assert!(!ATTESTED.is_accepted(&ATTESTED.envelope, &annotations), "{part}");
        } else {
            let (payload, annotations) = &*SIMPLE;
            let mut annotations = annotations.clone();
            change(&mut annotations, part, at, bit);
            prop_assert!(!simple_is_accepted(payload, &annotations), "{part}");
        }
    }

    #[test]
    fn a_bit_of_cosign_2s_attestation_denies(payload: bool, at: prop::sample::Index, bit in 0_u32..8) {
        let mut envelope = ATTESTED.envelope.clone();
        let place = if payload { "/payload" } else { "/signatures/0/sig" };
        flip_encoded(envelope.pointer_mut(place).unwrap(), at, bit);
        prop_assert!(!ATTESTED.is_accepted(&envelope, &ATTESTED.annotations), "{place}");
    }

    #[test]
    fn a_bit_of_a_signature_by_a_key_of_any_kind_denies(
        kind in 0..KINDS.len(), bundled: bool, payload: bool, at: prop::sample::Index, bit in 0_u32..8,
    ) {
        let (mut signed, mut signature) = made_by(KINDS[kind], bundled);
        flip(if payload { &mut signed } else { &mut signature }, at, bit);
        prop_assert!(!key_accepts(KINDS[kind].0, bundled, &signed, &signature), "{}", KINDS[kind].0);
    }

    #[test]
    fn a_bit_of_what_a_time_stamp_signs_denies(
        which in 1..3_usize, region in 0..3_usize, at: prop::sample::Index, bit in 0_u32..8,
    ) {
        let (instance, bundle) = &MADE[which];
        let mut bundle = bundle.clone();
        let field = bundle.pointer_mut(STAMP_AT).unwrap();
        let mut token = STANDARD.decode(field.as_str().unwrap()).unwrap();
        let region = stamped(&token)[region].clone();
        flip(&mut token[region.clone()], at, bit);
        *field = json!(STANDARD.encode(token));
        prop_assert!(!made_is_accepted(instance, &bundle), "{region:?}");
    }

    #[test]
    fn a_bit_of_the_time_stamp_of_cosign_2_denies(region in 0..3_usize, at: prop::sample::Index, bit in 0_u32..8) {
        const STAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";
        let (payload, annotations) = &*SIMPLE;
        let mut annotations = annotations.clone();
        let mut stamp: Value = serde_json::from_str(annotations[STAMP].as_str().unwrap()).unwrap();
        let field = &mut stamp["SignedRFC3161Timestamp"];
        let mut token = STANDARD.decode(field.as_str().unwrap()).unwrap();
        let region = stamped(&token)[region].clone();
        flip(&mut token[region.clone()], at, bit);
        *field = json!(STANDARD.encode(token));
        annotations[STAMP] = json!(stamp.to_string());
        prop_assert!(!simple_is_accepted(payload, &annotations), "{region:?}");
    }

    #[test]
    fn a_bit_of_a_checkpoints_signature_denies(which in 0..MADE.len(), at: prop::sample::Index, bit in 0_u32..8) {
        let (instance, bundle) = &MADE[which];
        let mut bundle = bundle.clone();
        let field = bundle.pointer_mut(&format!("{ENTRY_AT}/inclusionProof/checkpoint/envelope")).unwrap();
        let text = field.as_str().unwrap().trim_end().to_owned();
        // The last word: the first bytes of the key's id, and the signature.
        let (before, line) = text.rsplit_once(' ').unwrap();
        let mut line = json!(line);
        flip_encoded(&mut line, at, bit);
        *field = json!(format!("{before} {}\n", line.as_str().unwrap()));
        prop_assert!(!made_is_accepted(instance, &bundle));
    }

    #[test]
    fn a_bit_of_an_entrys_numbers_or_path_denies(
        which in 0..MADE.len(), part in 0..5_usize, at: prop::sample::Index, bit in 0_u32..63,
    ) {
        let (instance, bundle) = &MADE[which];
        let mut bundle = bundle.clone();
        let part = ["logIndex", "integratedTime", "inclusionProof/logIndex", "inclusionProof/treeSize", "hash"][part];
        prop_assume!(instance.proofs != Proofs::V2 || !part.starts_with("inclusionProof"));
        if part == "hash" {
            let hashes = bundle.pointer_mut(&format!("{ENTRY_AT}/inclusionProof/hashes")).unwrap();
            let count = hashes.as_array().unwrap().len();
            flip_encoded(&mut hashes[at.index(count)], at, bit);
        } else if let Some(field) = bundle.pointer_mut(&format!("{ENTRY_AT}/{part}")) {
            let number: i64 = field.as_str().unwrap().parse().unwrap();
            *field = json!((number ^ 1 << bit).to_string());
        } else {
            // Entries of the second version have no time; one that is put there is refused.
            bundle["verificationMaterial"]["tlogEntries"][0][part] = json!((1_i64 << bit).to_string());
        }
        prop_assert!(!made_is_accepted(instance, &bundle), "{part} of {which}");
    }
}

#[test]
fn without_a_change_every_form_is_accepted() {
    assert!(ATTESTED.is_accepted(&ATTESTED.envelope, &ATTESTED.annotations));
    assert!(simple_is_accepted(&SIMPLE.0, &SIMPLE.1));
    for kind in KINDS {
        for bundled in [false, true] {
            let (signed, signature) = made_by(kind, bundled);
            assert!(key_accepts(kind.0, bundled, &signed, &signature), "{} {bundled}", kind.0);
        }
    }
    for (instance, bundle) in MADE.iter() {
        assert!(made_is_accepted(instance, bundle));
        let hashes = bundle.pointer(&format!("{ENTRY_AT}/inclusionProof/hashes")).unwrap();
        assert!(!hashes.as_array().unwrap().is_empty());
    }
}

#[test]
fn a_proof_for_another_tree_cannot_move_an_entry() {
    let instance = Sigstore { proofs: Proofs::V1Stamped, ..Sigstore::default() };
    for at in 0..6 {
        instance.log.append(&json!({"at": at}), 0);
    }
    let mut bundle = instance.image_signature(&Digest::of(b"artifact"));
    let entry = bundle.pointer_mut(ENTRY_AT).unwrap();
    // Without the promise, only the proof vouches for the index: the seventh entry of seven.
    for name in ["inclusionPromise", "integratedTime"] {
        entry.as_object_mut().unwrap().remove(name);
    }
    assert!(made_is_accepted(&instance, &bundle));
    let entry = bundle.pointer_mut(ENTRY_AT).unwrap();
    entry["logIndex"] = json!("5");
    entry["inclusionProof"]["logIndex"] = json!("5");
    entry["inclusionProof"]["treeSize"] = json!("6");
    let requirement = require(vec![holder(&instance)]);
    let digest = Digest::of(b"artifact");
    let outcome =
        verify_bundle(bundle.to_string().as_bytes(), Signed::Digest(&digest), &requirement, clock());
    let denial = outcome.unwrap_err();
    assert!(denial.findings().any(|it| it.code == Code::LogProof), "{denial}");
}
