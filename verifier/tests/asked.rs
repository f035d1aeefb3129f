//! What a requirement may ask beyond a signature: windows, the deny list, annotations, provenance that says more.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_policy::{
    Condition, Denied, DenyEntry, DenyList, Moment, PredicateRule, ProvenanceRule, RepositoryRule,
    Requirement, Signer, SigningWindow, SubjectPattern,
};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::{Code, claim_names};
use serde_json::{Value, json};

use crate::kit::{
    IDENTITY, INDEX, acme, attach, bare, check, denied, image, key, layout, require, root, signer_of, text,
};
use crate::pki::{Pki, subject};

fn index() -> Digest {
    INDEX.parse().unwrap()
}

/// A moment some days before or after the fixtures were signed (2026-11-21).
fn moment(text: &str) -> perry_sandbox_policy::At<Moment> {
    perry_sandbox_policy::At { value: text.parse().unwrap(), span: None }
}

fn window(from: Option<&str>, until: Option<&str>, revoked: Option<&str>) -> SigningWindow {
    SigningWindow {
        not_before: from.map(moment),
        not_after: until.map(moment),
        revoked_at: revoked.map(moment),
    }
}

#[test]
fn every_claim_of_the_policy_format_is_one_of_the_verifier() {
    let schema = perry_sandbox_policy::schema();
    let claims = &schema["properties"]["signer"]["additionalProperties"]["properties"]["claims"];
    let policy: BTreeSet<&str> =
        claims["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(policy, claim_names().map(|(name, _)| name).collect());
}

#[test]
fn cve_2026_54787_a_managed_key_counts_only_within_its_window() {
    let source = layout("cosign3-key3");
    // No log entry and no time stamp: nobody vouches for a time.
    for (window, right) in [
        (window(None, Some("2027-01-01"), None), true),
        (window(None, None, Some("2027-01-01")), true),
        (window(Some("2020-01-01"), None, None), false),
        (window(None, Some("2026-11-22"), None), false),
        (window(None, None, Some("2026-11-22")), false),
    ] {
        let signer = Signer { window, ..signer_of("cosign3-key3") };
        let outcome = check(&source, &require(vec![signer]));
        if right { drop(outcome.unwrap()) } else { denied(outcome, Code::TimeWindow) }
    }
}

#[test]
fn cve_2026_54787_a_logged_time_is_held_against_the_window() {
    let pki = Pki::new();
    let mut source = bare("cosign3-key3");
    attach(&mut source, &pki.key_bundle(&subject(&index())), &index());
    let root = crate::kit::root_of(pki.trusted_root().to_string());
    let signer = |window| Signer { window, ..key("plant", pki.leaf_pem(), Some(root.clone())) };
    let at = check(&source, &require(vec![signer(window(None, None, None))])).unwrap();
    let at = at.evidence().signatures[0].times[0].at;
    let second = |at: i64| jiff::Timestamp::from_second(at).unwrap().to_string();
    for (window, right) in [
        (window(Some(&second(at)), Some(&second(at)), Some(&second(at + 1))), true),
        (window(Some(&second(at + 1)), None, None), false),
        (window(None, Some(&second(at - 1)), None), false),
        (window(None, None, Some(&second(at))), false),
    ] {
        let outcome = check(&source, &require(vec![signer(window)]));
        if right { drop(outcome.unwrap()) } else { denied(outcome, Code::TimeWindow) }
    }
    // Without the root nobody vouches for the time, and the window cannot be judged.
    let unrooted =
        Signer { window: window(Some("2020-01-01"), None, None), ..key("plant", pki.leaf_pem(), None) };
    denied(check(&source, &require(vec![unrooted])), Code::TimeWindow);
}

#[test]
fn an_identity_that_was_taken_over_counts_for_what_it_signed_before() {
    for name in crate::kit::KEYLESS {
        let source = layout(name);
        let signer = |revoked| Signer { window: window(None, None, Some(revoked)), ..acme() };
        check(&source, &require(vec![signer("2026-12-01")])).unwrap();
        denied(check(&source, &require(vec![signer("2026-11-01")])), Code::TimeWindow);
    }
}

#[test]
fn cve_2024_23332_nothing_signed_before_the_start_counts() {
    let source = layout("cosign3-kl3v2");
    let mut requirement = require(vec![acme()]);
    requirement.signed_after = Some("2026-11-01".parse().unwrap());
    check(&source, &requirement).unwrap();
    requirement.signed_after = Some("2026-11-22".parse().unwrap());
    denied(check(&source, &requirement), Code::TimeBeforeStart);
    let mut untimed = require(vec![signer_of("cosign3-key3")]);
    untimed.signed_after = Some("2020-01-01".parse().unwrap());
    denied(check(&layout("cosign3-key3"), &untimed), Code::TimeBeforeStart);
}

fn denying(mut requirement: Requirement, what: Denied) -> Requirement {
    requirement.denied = DenyList::new([DenyEntry { what, reason: "lost".to_owned() }]);
    requirement
}

#[test]
fn every_kind_of_the_deny_list_denies_what_is_otherwise_accepted() {
    let source = layout("cosign3-kl3v1");
    let good = check(&source, &require(vec![acme()])).unwrap();
    let signature = &good.evidence().signatures[0];
    let entry = signature.log.clone().unwrap();
    let resolved = image(&source);
    let identity =
        |subject: &str| Denied::Identity { issuer: None, subject: SubjectPattern::from_policy(subject) };
    for (what, code) in [
        (Denied::Digest(index()), Code::DenyImage),
        (Denied::Digest(resolved.manifest_digest().clone()), Code::DenyImage),
        (Denied::Digest(resolved.config_digest().clone()), Code::DenyImage),
        (identity(IDENTITY), Code::DenySignature),
        (identity("https://github.com/acme/*/.github/workflows/*@refs/heads/main"), Code::DenySignature),
        (Denied::Serial(signature.serial.clone().unwrap()), Code::DenySignature),
        (Denied::LogEntry { log: None, index: entry.index }, Code::DenySignature),
        (Denied::LogEntry { log: Some(entry.log_id), index: entry.index }, Code::DenySignature),
    ] {
        denied(check(&source, &denying(require(vec![acme()]), what)), code);
    }
    for what in [
        Denied::Digest(Digest::of(b"other")),
        identity("https://github.com/other/*"),
        Denied::Serial("ff".into()),
        Denied::LogEntry { log: Some("00".repeat(32)), index: entry.index },
    ] {
        check(&source, &denying(require(vec![acme()]), what)).unwrap();
    }
}

#[test]
fn a_denied_key_counts_neither_as_a_managed_one_nor_in_a_certificate() {
    let source = layout("cosign2-key2");
    let good = check(&source, &require(vec![signer_of("cosign2-key2")])).unwrap();
    let perry_sandbox_policy::VerifiedIdentity::Key { fingerprint } = &good.evidence().signatures[0].by
    else {
        panic!("not a key")
    };
    let requirement = denying(require(vec![signer_of("cosign2-key2")]), Denied::Key(fingerprint.clone()));
    denied(check(&source, &requirement), Code::DenySignature);

    let pki = Pki::new();
    let mut source = bare("cosign3-key3");
    attach(&mut source, &pki.bundle("https://sigstore.dev/cosign/sign/v1", &subject(&index())), &index());
    check(&source, &require(vec![pki.signer()])).unwrap();
    let leaf = Denied::Key(Digest::of(&pki.leaf.spki()));
    denied(check(&source, &denying(require(vec![pki.signer()]), leaf)), Code::DenySignature);
}

#[test]
fn a_log_entry_is_denied_even_where_nobody_checks_it() {
    let pki = Pki::new();
    let mut source = bare("cosign3-key3");
    attach(&mut source, &pki.key_bundle(&subject(&index())), &index());
    let signers = || vec![key("plant", pki.leaf_pem(), None)];
    check(&source, &require(signers())).unwrap();
    let what = Denied::LogEntry { log: None, index: 0 };
    denied(check(&source, &denying(require(signers()), what)), Code::DenySignature);
}

#[test]
fn required_annotations_are_looked_for_in_what_is_signed() {
    let pki = Pki::new();
    let with = |annotations: Value| {
        let mut source = bare("cosign3-key3");
        let mut subjects = subject(&index());
        subjects[0]["annotations"] = annotations;
        attach(&mut source, &pki.bundle("https://sigstore.dev/cosign/sign/v1", &subjects), &index());
        source
    };
    let mut requirement = require(vec![pki.signer()]);
    requirement.annotations = BTreeMap::from([("channel".to_owned(), "stable".to_owned())]);
    check(&with(json!({"channel": "stable", "more": 1})), &requirement).unwrap();
    for wrong in [json!({}), json!({"channel": "beta"}), json!({"channel": ["stable"]}), json!(null)] {
        denied(check(&with(wrong), &requirement), Code::BindAnnotation);
    }
    // What cosign 2 signed without `-a` carries none.
    let mut old = require(vec![signer_of("cosign2-key2")]);
    old.annotations = requirement.annotations;
    denied(check(&layout("cosign2-key2"), &old), Code::BindAnnotation);
}

#[test]
fn a_mirrors_signature_must_name_what_is_mirrored() {
    let source = layout("cosign2-key2");
    let signed: perry_sandbox_reference::Repository = "127.0.0.1:5555/test/key2".parse().unwrap();
    for (rule, right) in [
        (RepositoryRule::Exact(signed), true),
        (RepositoryRule::Within("127.0.0.1:5555/test".parse().unwrap()), true),
        (RepositoryRule::Any, true),
        (RepositoryRule::Within("127.0.0.1:5555/te".parse().unwrap()), false),
        (RepositoryRule::Within("127.0.0.1:5556/test".parse().unwrap()), false),
        (RepositoryRule::Exact("127.0.0.1:5555/test".parse().unwrap()), false),
    ] {
        let mut requirement = require(vec![signer_of("cosign2-key2")]);
        requirement.repository = rule;
        let outcome = check(&source, &requirement);
        if right { drop(outcome.unwrap()) } else { denied(outcome, Code::BindRepository) }
    }
}

const SLSA: &str = "https://slsa.dev/provenance/v1";

#[test]
fn ghsa_r2xv_vpr2_42m9_provenance_must_say_what_is_asked_for() {
    let pki = Pki::new();
    let predicate = json!({
        "buildDefinition": {"buildType": "b", "externalParameters": {"workflow": {
            "repository": "https://github.com/acme/tools", "ref": "refs/tags/v1"}}},
        "runDetails": {"builder": {"id": "https://builder.example/v1"}},
    });
    let mut source = bare("cosign3-key3");
    attach(&mut source, &pki.bundle("https://sigstore.dev/cosign/sign/v1", &subject(&index())), &index());
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subject(&index()),
        "predicateType": SLSA, "predicate": predicate});
    attach(&mut source, &pki.bundle_over(statement.to_string().as_bytes()), &index());
    let asking = |says: PredicateRule| {
        let mut requirement = require(vec![pki.signer()]);
        requirement.provenance =
            Some(ProvenanceRule { predicate: SLSA.to_owned(), by: vec![pki.signer()], says });
        requirement
    };
    let right = PredicateRule {
        builder: Some(SubjectPattern::Star("https://builder.example/v*".to_owned())),
        source: Some("https://github.com/acme/tools".to_owned()),
        source_ref: Some(SubjectPattern::Star("refs/tags/*".to_owned())),
        build_type: Some("b".to_owned()),
        conditions: BTreeSet::from([Condition {
            at: "/buildDefinition/buildType".to_owned(),
            one_of: BTreeSet::from(["a".to_owned(), "b".to_owned()]),
        }]),
    };
    let verified = check(&source, &asking(right.clone())).unwrap();
    let build = verified.evidence().provenance.clone().unwrap().build.unwrap();
    assert_eq!(build.source_ref.as_deref(), Some("refs/tags/v1"));
    let wrong = [
        PredicateRule {
            builder: Some(SubjectPattern::Exact("https://evil.example".to_owned())),
            ..right.clone()
        },
        PredicateRule { source: Some("https://github.com/acme/tools-evil".to_owned()), ..right.clone() },
        PredicateRule { source_ref: Some(SubjectPattern::Star("refs/heads/*".to_owned())), ..right.clone() },
        PredicateRule { build_type: Some("c".to_owned()), ..right.clone() },
        PredicateRule {
            conditions: BTreeSet::from([Condition {
                at: "/none".to_owned(),
                one_of: BTreeSet::from(["b".to_owned()]),
            }]),
            ..right
        },
    ];
    for says in wrong {
        denied(check(&source, &asking(says)), Code::ProvenanceSays);
    }
}

#[test]
fn a_root_is_no_matter_to_what_is_asked() {
    // The deny list holds for signers with and without a root alike.
    let pem = text("signed/keys/cosign.pub");
    for root in [None, Some(root())] {
        let requirement = denying(require(vec![key("plant", pem.clone(), root)]), Denied::Digest(index()));
        denied(check(&layout("cosign3-key3"), &requirement), Code::DenyImage);
    }
}
