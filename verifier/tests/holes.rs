//! The rows of "the core's holes": each is refused here, and a bundle without the fault is accepted beside it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use perry_sandbox_image::Memory;
use perry_sandbox_policy::SignerIdentity;
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{BundleEvidence, Clock, Code, Denial, Signed, verify, verify_bundle};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use x509_cert::ext::pkix::KeyUsages;

use crate::kit::{self, INDEX, acme, clock, data, image, require};
use crate::pki::{
    Pki, SIGN, SIGNED_AT, basic_constraints, claim, email, key_usage, leaf_extensions, names, oid, subject,
    uri,
};

const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
const NAMES: &str = "2.5.29.17";

fn artifact() -> Digest {
    Digest::of(b"artifact")
}

fn run(pki: &Pki, bundle: &Value) -> Result<BundleEvidence, Denial> {
    verify_bundle(
        bundle.to_string().as_bytes(),
        Signed::Digest(&artifact()),
        &require(vec![pki.signer()]),
        clock(),
    )
}

#[track_caller]
fn refused(outcome: Result<BundleEvidence, Denial>, code: Code) {
    let denial = outcome.unwrap_err();
    assert!(denial.findings().any(|it| it.code == code), "wanted {code}:\n{denial}");
}

/// What an instance with this change makes.
#[track_caller]
fn changed(change: impl FnOnce(&mut Pki), code: Code) {
    let mut pki = Pki::new();
    change(&mut pki);
    refused(run(&pki, &pki.bundle(SIGN, &subject(&artifact()))), code);
}

/// What becomes of a leaf with one extension replaced, or taken out.
#[track_caller]
fn with_extension(id: &str, replacement: Vec<x509_cert::ext::Extension>, code: Code) {
    changed(
        |pki| {
            pki.extensions.retain(|it| it.extn_id != oid(id));
            pki.extensions.extend(replacement);
        },
        code,
    );
}

#[test]
fn an_instance_of_ones_own_is_accepted() {
    let pki = Pki::new();
    let evidence = run(&pki, &pki.bundle(SIGN, &subject(&artifact()))).unwrap();
    assert_eq!(evidence.signatures[0].times.len(), 1);
    assert_eq!(evidence.predicate.as_deref(), Some(SIGN));
}

#[test]
fn cve_2026_24122_an_intermediate_that_had_expired_is_refused() {
    changed(|pki| pki.intermediate_valid.1 = SIGNED_AT - 1, Code::TimeOutside);
}

#[test]
fn cve_2026_24122_a_root_that_had_expired_is_refused() {
    changed(|pki| pki.root_valid.1 = SIGNED_AT - 1, Code::TimeOutside);
}

#[test]
fn an_unknown_statement_type_is_refused() {
    changed(|pki| pki.statement_type = "https://in-toto.io/Statement/v2".to_owned(), Code::BindStatement);
}

#[test]
fn a_leaf_that_is_an_authority_is_refused() {
    with_extension("2.5.29.19", vec![basic_constraints(true)], Code::CertUsage);
}

#[test]
fn a_leaf_without_the_right_usages_is_refused() {
    with_extension(KEY_USAGE, vec![], Code::CertUsage);
    with_extension(KEY_USAGE, vec![key_usage(KeyUsages::KeyAgreement)], Code::CertUsage);
    with_extension(KEY_USAGE, vec![key_usage(KeyUsages::KeyCertSign)], Code::CertUsage);
    with_extension(EXTENDED_KEY_USAGE, vec![], Code::CertUsage);
}

#[test]
fn a_leaf_with_other_than_one_name_is_refused() {
    with_extension(NAMES, vec![], Code::CertName);
    with_extension(NAMES, vec![names(vec![])], Code::CertName);
    with_extension(NAMES, vec![names(vec![email("a@example.com"), uri(kit::IDENTITY)])], Code::CertName);
    with_extension(NAMES, vec![names(vec![uri(kit::IDENTITY), email("a@example.com")])], Code::CertName);
    with_extension(NAMES, vec![names(vec![uri(kit::IDENTITY), uri(kit::IDENTITY)])], Code::CertName);
}

#[test]
fn a_name_of_the_wrong_kind_is_refused() {
    with_extension(NAMES, vec![names(vec![email(kit::IDENTITY)])], Code::CertName);
    with_extension(NAMES, vec![names(vec![uri("a@example.com")])], Code::CertName);
}

#[test]
fn two_issuers_or_none_are_refused() {
    let issuer = "1.3.6.1.4.1.57264.1.8";
    with_extension(issuer, vec![], Code::IdTwoIssuers);
    with_extension(issuer, vec![claim(8, kit::ISSUER), claim(1, "https://evil.example")], Code::IdTwoIssuers);
    with_extension(issuer, vec![claim(8, "https://evil.example")], Code::IdIssuer);
    with_extension(issuer, vec![claim(8, kit::ISSUER), claim(8, kit::ISSUER)], Code::CertMalformed);
}

#[test]
fn a_leaf_without_sct_or_with_a_foreign_one_is_refused() {
    changed(|pki| pki.sct = false, Code::CertSct);
    let (pki, other) = (Pki::new(), Pki::new());
    let mut root = pki.trusted_root();
    root["ctlogs"] = other.trusted_root()["ctlogs"].clone();
    let mut signer = pki.signer();
    if let SignerIdentity::Keyless { root: own, .. } = &mut signer.identity {
        *own = kit::root_of(root.to_string());
    }
    let bundle = pki.bundle(SIGN, &subject(&artifact())).to_string();
    refused(
        verify_bundle(bundle.as_bytes(), Signed::Digest(&artifact()), &require(vec![signer]), clock()),
        Code::CertSct,
    );
}

#[test]
fn a_time_outside_the_certificates_validity_is_refused() {
    changed(|pki| pki.logged_at = SIGNED_AT - 1, Code::TimeOutside);
    changed(|pki| pki.logged_at = SIGNED_AT + 601, Code::TimeOutside);
}

#[test]
fn a_time_after_now_is_refused() {
    let pki = Pki::new();
    let bundle = pki.bundle(SIGN, &subject(&artifact())).to_string();
    let early = Clock::at(Timestamp::from_second(SIGNED_AT + 9).unwrap());
    let requirement = require(vec![pki.signer()]);
    refused(
        verify_bundle(bundle.as_bytes(), Signed::Digest(&artifact()), &requirement, early),
        Code::TimeFuture,
    );
}

#[test]
fn a_log_that_was_no_longer_trusted_is_refused() {
    changed(|pki| pki.log_valid_until = Some(SIGNED_AT), Code::LogPromise);
    let mut pki = Pki::new();
    pki.log_valid_until = Some(SIGNED_AT + 10);
    assert!(run(&pki, &pki.bundle(SIGN, &subject(&artifact()))).is_ok());
}

/// A change to a bundle that was good.
#[track_caller]
fn edited(change: impl FnOnce(&mut Value), code: Code) {
    let pki = Pki::new();
    let mut bundle = pki.bundle(SIGN, &subject(&artifact()));
    change(&mut bundle);
    refused(run(&pki, &bundle), code);
}

#[test]
fn cve_2026_49834_one_log_entry_twice_is_refused() {
    edited(
        |bundle| {
            let entries = bundle["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap();
            entries.push(entries[0].clone());
        },
        Code::LogTwice,
    );
}

#[test]
fn cve_2022_23649_cve_2026_22703_a_foreign_log_entry_is_refused() {
    let pki = Pki::new();
    let mut bundle = pki.bundle(SIGN, &subject(&artifact()));
    let other = pki.bundle(SIGN, &subject(&Digest::of(b"other")));
    bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"].clone();
    refused(run(&pki, &bundle), Code::LogForeign);
}

#[test]
fn sigstore_ruby_307_a_time_without_promise_is_no_time() {
    edited(
        |bundle| {
            bundle["verificationMaterial"]["tlogEntries"][0]
                .as_object_mut()
                .unwrap()
                .remove("inclusionPromise");
        },
        Code::TimeNone,
    );
}

#[test]
fn tob_sigstore_12_an_intoto_entry_is_bound_to_its_bundle() {
    let mut pki = Pki::new();
    pki.intoto = true;
    let good = pki.bundle(SIGN, &subject(&artifact()));
    assert!(run(&pki, &good).is_ok());
    let other = pki.bundle(SIGN, &subject(&Digest::of(b"other")));
    // The same content signed once more: only the signature differs.
    let again = pki.bundle_over(&STANDARD.decode(good["dsseEnvelope"]["payload"].as_str().unwrap()).unwrap());
    for foreign in [other, again] {
        let mut bundle = good.clone();
        bundle["verificationMaterial"]["tlogEntries"] =
            foreign["verificationMaterial"]["tlogEntries"].clone();
        refused(run(&pki, &bundle), Code::LogForeign);
    }
}

#[test]
fn tob_sigstore_3_a_time_that_was_changed_is_refused() {
    let set = |bundle: &mut Value, time: i64| {
        bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!(time.to_string());
    };
    edited(|bundle| set(bundle, SIGNED_AT + 20), Code::LogPromise);
    edited(|bundle| set(bundle, SIGNED_AT - 20), Code::LogPromise);
}

#[test]
fn a_removed_proof_is_refused_and_so_is_one_of_two() {
    edited(
        |bundle| {
            bundle["verificationMaterial"]["tlogEntries"][0]
                .as_object_mut()
                .unwrap()
                .remove("inclusionProof");
        },
        Code::LogProof,
    );
}

#[test]
fn a_body_of_another_kind_than_the_entry_says_is_refused() {
    edited(
        |bundle| {
            bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"] =
                json!({"kind": "hashedrekord", "version": "0.0.1"});
        },
        Code::LogBody,
    );
    edited(
        |bundle| {
            bundle["verificationMaterial"]["tlogEntries"][0]["kindVersion"] =
                json!({"kind": "rfc3161", "version": "0.0.1"});
        },
        Code::ParseVersion,
    );
}

#[test]
fn tob_sigstore_9_two_signatures_in_one_envelope_are_refused() {
    edited(
        |bundle| {
            let list = bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
            list.push(list[0].clone());
        },
        Code::ParseSignatures,
    );
    edited(|bundle| bundle["dsseEnvelope"]["signatures"] = json!([]), Code::ParseSignatures);
}

#[test]
fn an_unknown_field_is_refused() {
    edited(|bundle| bundle["verificationMaterial"]["tlogEntries"][0]["extra"] = json!(1), Code::ParseField);
}

#[test]
fn cve_2024_45395_many_entries_and_time_stamps_are_refused_at_once() {
    let started = Instant::now();
    edited(
        |bundle| {
            let entry = bundle["verificationMaterial"]["tlogEntries"][0].clone();
            bundle["verificationMaterial"]["tlogEntries"] = Value::Array(vec![entry; 33]);
        },
        Code::ParseLimit,
    );
    edited(
        |bundle| {
            let stamps = vec![json!({"signedTimestamp": "AAAA"}); 2000];
            bundle["verificationMaterial"]["timestampVerificationData"] =
                json!({"rfc3161Timestamps": stamps});
        },
        Code::ParseLimit,
    );
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn cve_2024_45395_many_subjects_are_refused() {
    let pki = Pki::new();
    let subjects = Value::Array(vec![json!({"digest": {"sha256": artifact().hex()}}); 40_000]);
    refused(run(&pki, &pki.bundle(SIGN, &subjects)), Code::ParseLimit);
    let most = Value::Array(vec![json!({"digest": {"sha256": artifact().hex()}}); 1024]);
    assert!(run(&pki, &pki.bundle(SIGN, &most)).is_ok());
}

#[test]
fn an_upper_case_digest_is_refused() {
    let pki = Pki::new();
    let subjects = json!([{"digest": {"sha256": artifact().hex().to_uppercase()}}]);
    refused(run(&pki, &pki.bundle(SIGN, &subjects)), Code::BindForm);
}

#[test]
fn cve_2026_39395_a_signed_payload_that_is_no_statement_is_refused() {
    let pki = Pki::new();
    for payload in ["", "not json", "[]", "{\"_type\":\"https://in-toto.io/Statement/v1\"}"] {
        refused(run(&pki, &pki.bundle_over(payload.as_bytes())), Code::BindPayload);
    }
}

#[test]
fn cve_2026_31830_another_digest_is_refused() {
    let pki = Pki::new();
    refused(run(&pki, &pki.bundle(SIGN, &subject(&Digest::of(b"other")))), Code::BindSubject);
}

#[test]
fn cve_2023_47122_the_trust_root_is_the_only_source_of_keys() {
    let (pki, evil) = (Pki::new(), Pki::new());
    let bundle = evil.bundle(SIGN, &subject(&artifact())).to_string();
    let requirement = require(vec![pki.signer()]);
    refused(
        verify_bundle(bundle.as_bytes(), Signed::Digest(&artifact()), &requirement, clock()),
        Code::LogUnknown,
    );
}

#[test]
fn another_authority_with_the_right_logs_is_refused() {
    let (pki, other) = (Pki::new(), Pki::new());
    let mut root = pki.trusted_root();
    root["certificateAuthorities"] = other.trusted_root()["certificateAuthorities"].clone();
    let mut signer = pki.signer();
    if let SignerIdentity::Keyless { root: own, .. } = &mut signer.identity {
        *own = kit::root_of(root.to_string());
    }
    let bundle = pki.bundle(SIGN, &subject(&artifact())).to_string();
    refused(
        verify_bundle(bundle.as_bytes(), Signed::Digest(&artifact()), &require(vec![signer]), clock()),
        Code::CertChain,
    );
}

/// A fixture's bundle, changed, in place of the real one.
fn fixture(
    name: &str,
    change: impl FnOnce(&mut Value),
) -> Result<perry_sandbox_verifier::VerifiedImage, Denial> {
    let source = kit::replaced(name, change);
    verify(&source, &image(&source), &require(vec![acme()]), clock())
}

#[test]
fn the_change_itself_does_not_matter_to_the_fixtures() {
    for name in ["cosign3-kl3v1", "cosign3-kl3v2"] {
        assert!(fixture(name, |_| ()).is_ok(), "{name}");
    }
}

#[test]
fn rekor_v2_another_logs_id_is_refused() {
    let root: Value = serde_json::from_str(&kit::text("signed/trusted_root.json")).unwrap();
    let other = root["tlogs"][0]["logId"]["keyId"].clone();
    let entry = |bundle: &mut Value, id: &Value| {
        bundle["verificationMaterial"]["tlogEntries"][0]["logId"]["keyId"] = id.clone();
    };
    kit::denied(fixture("cosign3-kl3v2", |bundle| entry(bundle, &other)), Code::LogCheckpoint);
    let unknown = json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    kit::denied(fixture("cosign3-kl3v2", |bundle| entry(bundle, &unknown)), Code::LogUnknown);
}

#[test]
fn rekor_v2_a_log_that_was_no_longer_trusted_is_refused() {
    let with_end = |end: &str| {
        let mut root: Value = serde_json::from_str(&kit::text("signed/trusted_root.json")).unwrap();
        root["tlogs"][1]["publicKey"]["validFor"]["end"] = json!(end);
        let mut signer = acme();
        if let SignerIdentity::Keyless { root: own, .. } = &mut signer.identity {
            *own = kit::root_of(root.to_string());
        }
        kit::check(&kit::layout("cosign3-kl3v2"), &require(vec![signer]))
    };
    assert!(with_end("2026-11-22T00:00:00Z").is_ok());
    kit::denied(with_end("2026-11-21T20:00:00Z"), Code::TimeOutside);
}

#[test]
fn rekor_v2_a_time_is_refused() {
    let set =
        |bundle: &mut Value| bundle["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = json!("1");
    kit::denied(fixture("cosign3-kl3v2", set), Code::LogTime);
}

#[test]
fn a_foreign_time_stamp_beside_a_good_promise_is_refused() {
    let other = kit::bundle_of("cosign3-kl3v2")["verificationMaterial"]["timestampVerificationData"].clone();
    let set = |bundle: &mut Value| bundle["verificationMaterial"]["timestampVerificationData"] = other;
    kit::denied(fixture("cosign3-kl3v1", set), Code::TimeStamp);
}

#[test]
fn neither_promise_nor_time_stamp_is_refused() {
    let strip = |bundle: &mut Value| {
        let material = bundle["verificationMaterial"].as_object_mut().unwrap();
        material.remove("timestampVerificationData");
        material["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionPromise");
    };
    kit::denied(fixture("cosign3-kl3v1", strip), Code::TimeNone);
    let strip = |bundle: &mut Value| {
        bundle["verificationMaterial"].as_object_mut().unwrap().remove("timestampVerificationData");
    };
    kit::denied(fixture("cosign3-kl3v2", strip), Code::TimeNone);
}

#[test]
fn cosign_3_1_1_an_attestation_alone_is_no_signature() {
    let pki = Pki::new();
    let index: Digest = INDEX.parse().unwrap();
    let mut source = kit::bare("cosign3-kl3v1");
    kit::attach(&mut source, &pki.bundle("https://slsa.dev/provenance/v1", &subject(&index)), &index);
    let requirement = require(vec![pki.signer()]);
    let denial = verify(&source, &image(&source), &requirement, clock()).unwrap_err();
    let codes: Vec<_> = denial.findings().map(|it| it.code).collect();
    assert!(codes.contains(&Code::FindOnlyAttestations) && codes.contains(&Code::BindPredicate), "{denial}");
    kit::attach(&mut source, &pki.bundle(SIGN, &subject(&index)), &index);
    assert!(verify(&source, &image(&source), &requirement, clock()).is_ok());
}

#[test]
fn the_conformance_suites_bare_signatures_do_not_sign_images() {
    let mut source: Memory = kit::bare("cosign3-kl3v1");
    let bundle: Value = serde_json::from_slice(
        &std::fs::read(data("conformance/happy-path-v0.3/bundle.sigstore.json")).unwrap(),
    )
    .unwrap();
    kit::attach(&mut source, &bundle, &INDEX.parse().unwrap());
    kit::denied(verify(&source, &image(&source), &require(vec![acme()]), clock()), Code::BindMessage);
}

#[test]
fn the_default_leaf_has_nothing_to_spare() {
    // Control of `with_extension`: each of the extensions is needed, and the four together are enough.
    assert_eq!(leaf_extensions().len(), 4);
}
