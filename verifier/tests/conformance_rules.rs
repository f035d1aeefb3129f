//! Rules of the public conformance suite whose cases are not at hand in bytes: the same situations, made by the test kit.

use perry_sandbox_policy::SubjectPattern;
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{
    IN_TOTO, Proofs, SIGN, SIGNED_AT, Sigstore, b64, hex, pae, pem, sha256, subject, unb64,
};
use perry_sandbox_verifier::{BundleEvidence, Code, Denial, Signed, verify_bundle};
use serde_json::{Value, json};

use crate::kit::{clock, key, keyless, require, root_of};
use crate::pki::{IDENTITY, ISSUER};

fn judge(bundle: &Value, root: &Value) -> Result<BundleEvidence, Denial> {
    let subject = SubjectPattern::Exact(IDENTITY.to_owned());
    let requirement = require(vec![keyless("acme", ISSUER, subject, root_of(root.to_string()))]);
    let digest = Digest::of(b"artifact");
    verify_bundle(bundle.to_string().as_bytes(), Signed::Digest(&digest), &requirement, clock())
}

fn made(proofs: Proofs) -> (Sigstore, Value, Value) {
    let instance = Sigstore { proofs, ..Sigstore::default() };
    let (bundle, root) = (instance.image_signature(&Digest::of(b"artifact")), instance.trusted_root());
    assert!(judge(&bundle, &root).is_ok());
    (instance, bundle, root)
}

fn time(seconds: i64) -> Value {
    json!(jiff::Timestamp::from_second(seconds).unwrap().to_string())
}

#[track_caller]
fn refused(outcome: Result<BundleEvidence, Denial>, codes: &[Code]) {
    let denial = outcome.unwrap_err();
    assert!(denial.findings().any(|it| codes.contains(&it.code)), "wanted one of {codes:?}:\n{denial}");
}

#[test]
fn trust_root_tlog_missing_validity_start_a_window_without_a_start_makes_the_root_malformed() {
    let (_, bundle, root) = made(Proofs::V1);
    for place in ["/tlogs/0/publicKey/validFor", "/certificateAuthorities/0/validFor"] {
        let mut root = root.clone();
        let window = root.pointer_mut(place).unwrap().as_object_mut().unwrap();
        assert!(window.remove("start").is_some());
        window.insert("end".to_owned(), time(SIGNED_AT + 86_400));
        refused(judge(&bundle, &root), &[Code::RootMalformed]);
    }
}

#[test]
fn trust_root_tsa_and_tlog_validity_end_inclusive_the_last_moment_of_a_window_is_inside() {
    let (_, bundle, root) = made(Proofs::V2);
    for (end, good) in [(SIGNED_AT + 10, true), (SIGNED_AT + 9, false)] {
        let mut root = root.clone();
        root["timestampAuthorities"][0]["validFor"]["end"] = time(end);
        assert_eq!(judge(&bundle, &root).is_ok(), good, "{end}");
    }
    let (_, bundle, root) = made(Proofs::V1);
    for (end, good) in [(SIGNED_AT + 10, true), (SIGNED_AT + 9, false)] {
        let mut root = root.clone();
        root["tlogs"][0]["publicKey"]["validFor"]["end"] = time(end);
        assert_eq!(judge(&bundle, &root).is_ok(), good, "{end}");
    }
}

#[test]
fn rekor2_timestamp_wrong_tsa_validity_borrow_no_other_authority_lends_its_window() {
    let (_, bundle, mut root) = made(Proofs::V2);
    root["timestampAuthorities"][0]["validFor"]["end"] = time(SIGNED_AT);
    let empty = json!({
        "subject": {"organization": "x", "commonName": "x"}, "uri": "https://x.test",
        "certChain": {"certificates": []}, "validFor": {"start": time(SIGNED_AT - 86_400)},
    });
    root["timestampAuthorities"].as_array_mut().unwrap().push(empty);
    refused(judge(&bundle, &root), &[Code::TimeOutside, Code::TimeStamp, Code::RootMalformed]);
}

#[test]
fn sct_duplicate_intermediate_name_the_authority_that_signed_is_found_among_two_of_one_name() {
    let (_, bundle, mut root) = made(Proofs::V1);
    let decoy = Sigstore::default().trusted_root()["certificateAuthorities"][0].clone();
    assert_eq!(decoy["subject"], root["certificateAuthorities"][0]["subject"]);
    root["certificateAuthorities"].as_array_mut().unwrap().insert(0, decoy);
    judge(&bundle, &root).unwrap();
}

/// A bundle whose statement stands in the log of the first version by its hash, as sigstore-go can ask for.
pub(crate) fn by_hash(instance: &Sigstore, entered: impl Fn(&[u8], &[u8]) -> (Vec<u8>, Vec<u8>)) -> Value {
    let mut bundle = instance.bundle(SIGN, &subject(&Digest::of(b"artifact")));
    let payload = unb64(bundle["dsseEnvelope"]["payload"].as_str().unwrap());
    let message = pae(IN_TOTO, &payload);
    let signature = instance.leaf.sign(&message);
    let certificate = bundle["verificationMaterial"]["certificate"]["rawBytes"].as_str().unwrap();
    let certificate = pem("CERTIFICATE", &unb64(certificate));
    let (about, by) = entered(&message, &signature);
    let body = json!({
        "apiVersion": "0.0.1", "kind": "hashedrekord",
        "spec": {
            "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(&about))}},
            "signature": {
                "content": b64(&by), "publicKey": {"content": b64(certificate)},
            },
        },
    });
    bundle["dsseEnvelope"]["signatures"] = json!([{"sig": b64(&signature)}]);
    bundle["verificationMaterial"]["tlogEntries"] =
        json!([instance.log.in_bundle(&instance.log.append(&body, instance.logged_at))]);
    bundle
}

#[test]
fn dsse_with_hashedrekord_an_entry_by_hash_is_held_to_envelope_and_signature() {
    let instance = Sigstore::default();
    let root = instance.trusted_root();
    let good = by_hash(&instance, |message, signature| (message.to_vec(), signature.to_vec()));
    judge(&good, &root).unwrap();
    let other = by_hash(&instance, |_, _| (b"other".to_vec(), instance.leaf.sign(b"other")));
    refused(judge(&other, &root), &[Code::LogForeign]);
    let again = by_hash(&instance, |message, _| (message.to_vec(), instance.leaf.sign(message)));
    refused(judge(&again, &root), &[Code::LogForeign]);
}

#[test]
fn dsse_with_hashedrekord_one_bit_of_payload_signature_certificate_or_entry_denies() {
    let instance = Sigstore::default();
    let root = instance.trusted_root();
    let good = by_hash(&instance, |message, signature| (message.to_vec(), signature.to_vec()));
    for place in [
        "/dsseEnvelope/payload",
        "/dsseEnvelope/signatures/0/sig",
        "/verificationMaterial/certificate/rawBytes",
        "/verificationMaterial/tlogEntries/0/canonicalizedBody",
        "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp",
    ] {
        let bytes = unb64(good.pointer(place).unwrap().as_str().unwrap());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            let mut bundle = good.clone();
            *bundle.pointer_mut(place).unwrap() = json!(b64(changed));
            assert!(judge(&bundle, &root).is_err(), "{place}: byte {at}");
        }
    }
}

#[test]
fn dsse_with_hashedrekord_by_a_managed_key_is_held_to_it_too() {
    let instance = Sigstore::default();
    let mut bundle = instance.key_bundle(&subject(&Digest::of(b"artifact")));
    let payload = unb64(bundle["dsseEnvelope"]["payload"].as_str().unwrap());
    let signature = unb64(bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap());
    let entered = |hash: &[u8], key: &str| {
        let body = json!({
            "apiVersion": "0.0.1", "kind": "hashedrekord",
            "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": hex(&sha256(hash))}},
                "signature": {"content": b64(&signature), "publicKey": {"content": b64(key)}},
            },
        });
        json!([instance.log.in_bundle(&instance.log.append(&body, instance.logged_at))])
    };
    let message = pae(IN_TOTO, &payload);
    let (ours, theirs) = (instance.leaf_pem(), Sigstore::default().leaf_pem());
    let requirement =
        require(vec![key("plant", ours.clone(), Some(root_of(instance.trusted_root().to_string())))]);
    for (entries, good) in [
        (entered(&message, &ours), true),
        (entered(&payload, &ours), false),
        (entered(&message, &theirs), false),
    ] {
        bundle["verificationMaterial"]["tlogEntries"] = entries;
        let digest = Digest::of(b"artifact");
        let outcome =
            verify_bundle(bundle.to_string().as_bytes(), Signed::Digest(&digest), &requirement, clock());
        assert_eq!(outcome.is_ok(), good, "{outcome:?}");
    }
}
