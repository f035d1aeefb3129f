//! Logs of managed keys, attestations of cosign 2, and the two forms in which a denial is read.

use perry_sandbox_policy::{LogRule, PredicateRule, ProvenanceRule, TimeSource, VerifiedIdentity};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{Code, DenialClass};
use serde_json::{Value, json};

use crate::kit::{
    INDEX, acme, attach, attach_legacy_attestation, bare, check, denied, key, layout, require, root_of,
    signer_of,
};
use crate::pki::{Pki, SIGN, subject};

const SLSA: &str = "https://slsa.dev/provenance/v1";

fn index() -> Digest {
    INDEX.parse().unwrap()
}

#[test]
fn a_managed_keys_log_entry_is_checked_and_recorded() {
    let pki = Pki::new();
    let mut source = bare("cosign3-key3");
    attach(&mut source, &pki.key_bundle(&subject(&index())), &index());
    let root = root_of(pki.trusted_root().to_string());
    let mut requirement = require(vec![key("plant", pki.leaf_pem(), Some(root))]);
    requirement.log = LogRule::Required;
    let verified = check(&source, &requirement).unwrap();
    let signature = &verified.evidence().signatures[0];
    assert!(matches!(signature.by, VerifiedIdentity::Key { .. }));
    assert_eq!(signature.log.as_ref().unwrap().url.as_deref(), Some("https://rekor.test"));
    assert!(signature.root.is_some());
    assert_eq!(signature.times.iter().map(|it| it.source).collect::<Vec<_>>(), [TimeSource::Log]);
    // Without a root the entry counts for nothing, and the report says so.
    let verified = check(&source, &require(vec![key("plant", pki.leaf_pem(), None)])).unwrap();
    assert!(verified.evidence().signatures[0].log.is_none());
    assert!(verified.evidence().not_checked.iter().any(|it| it.contains("no trust root")));
}

#[test]
fn cve_2022_36056_a_managed_keys_foreign_log_entry_is_refused() {
    let (pki, other) = (Pki::new(), Pki::new());
    let requirement = |instance: &Pki| {
        let root = root_of(instance.trusted_root().to_string());
        require(vec![key("plant", pki.leaf_pem(), Some(root))])
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut source = bare("cosign3-key3");
        let mut bundle = pki.key_bundle(&subject(&index()));
        change(&mut bundle);
        attach(&mut source, &bundle, &index());
        source
    };
    let foreign =
        pki.key_bundle(&subject(&Digest::of(b"other")))["verificationMaterial"]["tlogEntries"].clone();
    let swapped = with(&|bundle| bundle["verificationMaterial"]["tlogEntries"] = foreign.clone());
    denied(check(&swapped, &requirement(&pki)), Code::LogForeign);
    denied(check(&with(&|_| ()), &requirement(&other)), Code::LogUnknown);
    let unproved = with(&|bundle| {
        bundle["verificationMaterial"]["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionProof");
    });
    denied(check(&unproved, &requirement(&pki)), Code::LogProof);
}

#[test]
fn cosign_2s_attestation_meets_a_provenance_rule() {
    let (pki, other) = (Pki::new(), Pki::new());
    let run = |instance: &Pki, predicate: &str, about: &Digest| {
        let mut source = bare("cosign3-kl3v1");
        attach(&mut source, &pki.bundle(SIGN, &subject(&index())), &index());
        let (envelope, annotations) = instance.legacy_attestation(predicate, &subject(about));
        attach_legacy_attestation(&mut source, &envelope, &annotations);
        let mut requirement = require(vec![pki.signer()]);
        requirement.provenance = Some(ProvenanceRule {
            predicate: SLSA.to_owned(),
            by: vec![pki.signer()],
            says: PredicateRule::default(),
        });
        check(&source, &requirement)
    };
    let verified = run(&pki, SLSA, &index()).unwrap();
    let provenance = verified.evidence().provenance.as_ref().unwrap();
    assert!(provenance.log.is_some());
    denied(run(&pki, "https://slsa.dev/provenance/v0.2", &index()), Code::ProvenanceMissing);
    denied(run(&pki, SLSA, &Digest::of(b"other")), Code::BindSubject);
    denied(run(&other, SLSA, &index()), Code::ProvenanceMissing);
}

#[test]
fn a_denial_reads_well_for_people() {
    let mut wrong = acme();
    wrong.name = "release".parse().unwrap();
    let mut requirement = require(vec![signer_of("cosign3-key3"), wrong]);
    requirement.at_least = 2.try_into().unwrap();
    let denial = check(&layout("cosign3-kl3v1"), &requirement).unwrap_err();
    let text = denial.to_string();
    for part in [
        "not verified: sha256:b95c",
        "V-QUORUM-01: not enough of the required signers have signed",
        "found:    signed by release",
        "expected: 2 of plant, release",
        "candidate 1 of 1: bundle sha256:",
        "counts for release",
        "for plant:",
        "V-SIG-04",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}

#[test]
fn a_denial_reads_well_for_programs() {
    let denial = check(&bare("cosign3-kl3v1"), &require(vec![acme()])).unwrap_err();
    let value = serde_json::to_value(&denial).unwrap();
    assert_eq!(value["class"], "not-verified");
    assert_eq!(value["reasons"][0]["finding"]["code"], "V-FIND-01");
    assert_eq!(value["reasons"][0]["finding"]["step"], "FIND");
    assert_eq!(value["reasons"][0]["signer"], Value::Null);
    assert_eq!(value["candidates"], json!([]));
    assert_eq!(denial.class, DenialClass::NotVerified);
}

#[test]
fn evidence_is_the_same_on_every_run() {
    let run = || check(&layout("cosign3-kl3v1"), &require(vec![acme()])).unwrap().evidence().clone();
    assert_eq!(serde_json::to_string(&run()).unwrap(), serde_json::to_string(&run()).unwrap());
}
