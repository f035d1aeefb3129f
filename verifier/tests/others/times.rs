//! Times, stamps, and entries that vouch for them.

use perry_sandbox_testkit::sigstore::{Proofs, Sigstore, TIME_STAMPING, Tsa, b64, extended_key_usage, oid};
use perry_sandbox_verifier::Code;
use serde_json::{Value, json};

use super::{artifact, instance, refused, run};
use crate::pki::SIGNED_AT;

const STAMPS: &str = "/verificationMaterial/timestampVerificationData/rfc3161Timestamps";

/// A good bundle of an instance that was changed before it signed.
#[track_caller]
fn changed(proofs: Proofs, change: impl FnOnce(&mut Sigstore), codes: &[Code]) {
    let mut it = instance(proofs);
    assert!(run(&it, &it.image_signature(&artifact())).is_ok());
    change(&mut it);
    refused(run(&it, &it.image_signature(&artifact())), codes);
}

/// A good bundle, changed after it was signed.
#[track_caller]
fn edited(proofs: Proofs, change: impl FnOnce(&mut Value), codes: &[Code]) {
    let it = instance(proofs);
    let mut bundle = it.image_signature(&artifact());
    assert!(run(&it, &bundle).is_ok());
    change(&mut bundle);
    refused(run(&it, &bundle), codes);
}

#[test]
fn cve_2026_39984_the_time_stamp_authoritys_certificate_is_held_to_its_purpose() {
    let usage = |ids: &'static [&'static str]| {
        move |it: &mut Sigstore| {
            it.tsa.extensions.retain(|it| it.extn_id != oid("2.5.29.37"));
            it.tsa.extensions.extend((!ids.is_empty()).then(|| extended_key_usage(true, ids)));
        }
    };
    changed(Proofs::V2, usage(&["1.3.6.1.5.5.7.3.3"]), &[Code::TimeStamp]);
    changed(Proofs::V2, usage(&[]), &[Code::TimeStamp]);
    let mut it = instance(Proofs::V2);
    usage(&[TIME_STAMPING])(&mut it);
    assert!(run(&it, &it.image_signature(&artifact())).is_ok());
}

#[test]
fn cve_2026_39984_a_certificate_inside_of_a_time_stamp_is_no_authority() {
    edited(
        Proofs::V2,
        |bundle| {
            let mut foreign = Tsa::new(SIGNED_AT);
            foreign.embed = true;
            let signature = bundle["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
            let stamp = foreign.stamp(&perry_sandbox_testkit::sigstore::unb64(signature), SIGNED_AT + 10);
            *bundle.pointer_mut(STAMPS).unwrap() = json!([{"signedTimestamp": b64(stamp)}]);
        },
        &[Code::TimeStamp],
    );
}

#[test]
fn tob_sigstore_4_every_time_counts_and_not_only_the_earliest() {
    let late = |it: &mut Sigstore| it.stamped_at = SIGNED_AT + 601;
    changed(Proofs::V1Stamped, late, &[Code::TimeOutside]);
    let late = |it: &mut Sigstore| it.logged_at = SIGNED_AT + 601;
    changed(Proofs::V1Stamped, late, &[Code::TimeOutside]);
}

#[test]
fn tob_sigstore_11_a_time_stamp_is_held_to_the_window_of_its_own_authority() {
    // The authority that signed had ended; another one in the same trust root is open.
    let it = instance(Proofs::V2);
    let mut root = it.trusted_root();
    let mut other = Sigstore::default().trusted_root()["timestampAuthorities"][0].clone();
    other["validFor"] = json!({"start": "2020-01-01T00:00:00Z"});
    root["timestampAuthorities"][0]["validFor"]["end"] = json!("2024-12-31T00:00:00Z");
    root["timestampAuthorities"].as_array_mut().unwrap().push(other);
    let signer = crate::kit::keyless(
        "acme",
        crate::pki::ISSUER,
        perry_sandbox_policy::SubjectPattern::Exact(crate::pki::IDENTITY.to_owned()),
        crate::kit::root_of(root.to_string()),
    );
    let bundle = it.image_signature(&artifact()).to_string();
    let outcome = perry_sandbox_verifier::verify_bundle(
        bundle.as_bytes(),
        perry_sandbox_verifier::Signed::Digest(&artifact()),
        &crate::kit::require(vec![signer]),
        crate::kit::clock(),
    );
    refused(outcome, &[Code::TimeOutside, Code::TimeStamp]);
}

#[test]
fn ghsa_hhfg_fwrw_87w7_the_logs_time_is_held_against_the_certificate_in_every_bundle_version() {
    for media in [
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    ] {
        for at in [SIGNED_AT - 1, SIGNED_AT + 601] {
            let mut it = instance(Proofs::V1);
            it.logged_at = at;
            let mut bundle = it.image_signature(&artifact());
            bundle["mediaType"] = json!(media);
            refused(run(&it, &bundle), &[Code::TimeOutside]);
        }
    }
}

#[test]
fn cve_2024_53267_sigstore_js_a_checkpoint_that_the_log_did_not_sign_is_refused() {
    let checkpoint = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
    let edits: [fn(String) -> String; 6] = [
        |text| text.replacen("\n1\n", "\n2\n", 1),
        |text| format!("x{text}"),
        |text| text.split("\n\n").next().unwrap().to_owned(),
        |text| text.replace("— ", "- "),
        |text| format!("{text}{}", "— evil.example AAAA\n".repeat(100)),
        |_| String::new(),
    ];
    for edit in edits {
        for proofs in [Proofs::V1, Proofs::V2] {
            let it = instance(proofs);
            let mut bundle = it.image_signature(&artifact());
            let place = bundle.pointer_mut(checkpoint).unwrap();
            let text = place.as_str().unwrap().to_owned();
            let new = edit(text.clone());
            assert_ne!(text, new);
            *place = json!(new);
            assert!(run(&it, &bundle).is_err(), "{new}");
        }
    }
}

#[test]
fn cve_2024_51746_an_entry_of_another_log_is_refused() {
    let it = instance(Proofs::V1);
    let mut bundle = it.image_signature(&artifact());
    let other = instance(Proofs::V1).image_signature(&artifact());
    bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"].clone();
    refused(run(&it, &bundle), &[Code::LogUnknown]);
}

#[test]
fn rfc_3161_a_fraction_of_a_second_in_a_time_stamp_is_denied_as_such() {
    let mut it = instance(Proofs::V2);
    it.tsa.fraction = ".5".to_owned();
    let denial = run(&it, &it.image_signature(&artifact())).unwrap_err();
    let finding = denial.findings().find(|it| it.code == Code::TimeStamp).unwrap();
    assert!(finding.found.contains("fraction"), "{denial}");
    // A good promise beside it does not make up for a stamp that cannot be read.
    let mut it = instance(Proofs::V1Stamped);
    it.tsa.fraction = ".5".to_owned();
    refused(run(&it, &it.image_signature(&artifact())), &[Code::TimeStamp]);
}

#[test]
fn sigstore_js_a_checkpoint_of_another_origin_is_refused() {
    // The log's own key signs for another place.
    let it = instance(Proofs::V1);
    let mut root = it.trusted_root();
    root["tlogs"][0]["baseUrl"] = json!("https://another-log.example");
    let signer = crate::kit::keyless(
        "acme",
        crate::pki::ISSUER,
        perry_sandbox_policy::SubjectPattern::Exact(crate::pki::IDENTITY.to_owned()),
        crate::kit::root_of(root.to_string()),
    );
    let outcome = perry_sandbox_verifier::verify_bundle(
        it.image_signature(&artifact()).to_string().as_bytes(),
        perry_sandbox_verifier::Signed::Digest(&artifact()),
        &crate::kit::require(vec![signer]),
        crate::kit::clock(),
    );
    refused(outcome, &[Code::LogCheckpoint]);
}
