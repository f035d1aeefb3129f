//! Layouts signed by the real cosign 2.5.0 and 3.1.1.

use std::time::Duration;

use perry_sandbox_image::Memory;
use perry_sandbox_policy::{
    Claim, Expression, LogRule, PredicateRule, ProvenanceRule, RepositoryRule, Requirement, SignatureFormat,
    SignerIdentity, SubjectPattern, TimeSource, TrustRootSource, VerifiedIdentity,
};
use perry_sandbox_verifier::Code;

use crate::kit::{
    IDENTITY, INDEX, ISSUER, KEYLESS, acme, attach, bare, bundle_of, check, denied, key, keyless, layout,
    require, root, root_of, signer_of, text,
};

const ALL: [&str; 6] =
    ["cosign2-key2", "cosign2-key2ed", "cosign3-key3", "cosign2-kl2ts", "cosign3-kl3v1", "cosign3-kl3v2"];

#[test]
fn every_signed_layout_is_accepted_with_its_own_signer() {
    for name in ALL {
        let image =
            check(&layout(name), &require(vec![signer_of(name)])).unwrap_or_else(|it| panic!("{name}: {it}"));
        let evidence = image.evidence();
        assert_eq!(image.top().as_str(), INDEX);
        assert_eq!(evidence.path, [image.top().clone(), image.manifest_digest().clone()]);
        assert_eq!(evidence.signatures.len(), 1, "{name}");
        let signature = &evidence.signatures[0];
        assert_eq!(signature.signed.as_str(), INDEX);
        let format = if name.starts_with("cosign2") {
            SignatureFormat::SimpleSigning
        } else {
            SignatureFormat::Bundle
        };
        assert_eq!(signature.format, format);
        assert_eq!(signature.signed_reference.is_some(), name.starts_with("cosign2"));
    }
}

#[test]
fn keyless_evidence_names_identity_times_and_log() {
    let expected = [
        vec![TimeSource::TimestampAuthority, TimeSource::Log],
        vec![TimeSource::TimestampAuthority, TimeSource::Log],
        vec![TimeSource::TimestampAuthority],
    ];
    for (name, times) in KEYLESS.into_iter().zip(expected) {
        let image = check(&layout(name), &require(vec![acme()])).unwrap();
        let signature = &image.evidence().signatures[0];
        let by = VerifiedIdentity::Keyless { issuer: ISSUER.into(), subject: IDENTITY.into() };
        assert_eq!(signature.by, by);
        assert_eq!(signature.times.iter().map(|it| it.source).collect::<Vec<_>>(), times, "{name}");
        assert!(
            signature.times.iter().all(|it| (1_795_000_000..1_796_000_000).contains(&it.at)),
            "{signature:?}"
        );
        // As the trust root names it.
        let log = if name == "cosign3-kl3v2" { "http://log2.mock.test" } else { "http://127.0.0.1:8800" };
        assert_eq!(signature.log.as_ref().unwrap().url.as_deref(), Some(log), "{name}");
        assert_eq!(signature.root, Some((root().name, root().digest)));
    }
}

#[test]
fn another_key_is_refused() {
    for name in ["cosign2-key2", "cosign2-key2ed", "cosign3-key3"] {
        for other in ["ed", "p384", "rsa", "cosign"] {
            let pem = text(&format!("signed/keys/{other}.pub"));
            if matches!(&signer_of(name).identity, SignerIdentity::Key { pem: own, .. } if *own == pem) {
                continue;
            }
            denied(check(&layout(name), &require(vec![key("x", pem, None)])), Code::SigInvalid);
        }
    }
}

#[test]
fn a_key_does_not_count_for_an_identity_nor_an_identity_for_a_key() {
    denied(check(&layout("cosign3-key3"), &require(vec![acme()])), Code::SigNeedsKey);
    denied(check(&layout("cosign2-key2"), &require(vec![acme()])), Code::SigNeedsKey);
    let plant = || require(vec![signer_of("cosign3-key3")]);
    denied(check(&layout("cosign3-kl3v1"), &plant()), Code::SigNeedsIdentity);
    denied(check(&layout("cosign2-kl2ts"), &plant()), Code::SigInvalid);
}

#[test]
fn another_identity_or_issuer_is_refused() {
    for name in KEYLESS {
        let subject = |text: &str| SubjectPattern::Exact(text.to_owned());
        let evil = IDENTITY.replace("acme/app", "acme/app-evil");
        let signer = keyless("x", ISSUER, subject(&evil), root());
        denied(check(&layout(name), &require(vec![signer])), Code::IdSubject);
        let signer = keyless("x", "https://token.actions.example.test/", subject(IDENTITY), root());
        denied(check(&layout(name), &require(vec![signer])), Code::IdIssuer);
        let substring = SubjectPattern::WholeRegexp(Expression::new("https://github.com/acme/app").unwrap());
        denied(
            check(&layout(name), &require(vec![keyless("x", ISSUER, substring, root())])),
            Code::IdSubject,
        );
        let star = SubjectPattern::Star(
            "https://github.com/acme/app/.github/workflows/*@refs/heads/main".to_owned(),
        );
        assert!(check(&layout(name), &require(vec![keyless("x", ISSUER, star, root())])).is_ok());
    }
}

#[test]
fn claims_are_compared() {
    let with = |name: &str, value: &str| {
        let mut signer = acme();
        if let SignerIdentity::Keyless { claims, .. } = &mut signer.identity {
            claims.insert(name.to_owned(), value.to_owned());
        }
        check(&layout("cosign3-kl3v1"), &require(vec![signer]))
    };
    assert!(with("source-repository", "https://github.com/acme/app").is_ok());
    let image = with("source-ref", "refs/heads/main").unwrap();
    let claim = Claim { name: "source-ref".into(), value: "refs/heads/main".into() };
    assert_eq!(image.evidence().signatures[0].claims, [claim]);
    assert!(with("build-trigger", "push").is_ok());
    denied(with("source-ref", "refs/heads/dev"), Code::IdClaim);
    denied(with("runner", "github-hosted"), Code::IdClaim);
    denied(with("repository", "https://github.com/acme/app"), Code::IdClaimName);
}

#[test]
fn another_root_is_refused() {
    let other = text("conformance/rekor2-happy-path/trusted_root.json");
    for name in KEYLESS {
        let signer = keyless("x", ISSUER, SubjectPattern::Exact(IDENTITY.to_owned()), root_of(other.clone()));
        let denial = check(&layout(name), &require(vec![signer])).unwrap_err();
        assert_eq!(denial.candidates.len(), 1, "{denial}");
    }
}

#[test]
fn a_root_that_is_missing_malformed_or_not_the_pinned_one_is_refused() {
    let with = |change: &dyn Fn(&mut perry_sandbox_policy::TrustRoot)| {
        let mut signer = acme();
        if let SignerIdentity::Keyless { root, .. } = &mut signer.identity {
            change(root);
        }
        check(&layout("cosign3-kl3v1"), &require(vec![signer]))
    };
    denied(
        with(&|root| {
            root.json.clear();
            root.source = TrustRootSource::SigstorePublic { max_age: Duration::from_secs(1) };
        }),
        Code::RootMissing,
    );
    denied(with(&|root| *root = root_of("{}".to_owned())), Code::RootMalformed);
    denied(with(&|root| root.json.push(' ')), Code::RootDigest);
}

#[test]
fn simple_claim_verifier_a_signature_copied_to_another_repository_is_refused() {
    for (name, own) in [("cosign2-key2", "test/key2"), ("cosign2-kl2ts", "test/kl2ts")] {
        let mut requirement = require(vec![signer_of(name)]);
        requirement.repository = RepositoryRule::Exact(format!("127.0.0.1:5555/{own}").parse().unwrap());
        let image = check(&layout(name), &requirement).unwrap();
        assert!(image.evidence().not_checked.is_empty(), "{:?}", image.evidence().not_checked);
        requirement.repository = RepositoryRule::Exact("127.0.0.1:5555/test/other".parse().unwrap());
        denied(check(&layout(name), &requirement), Code::BindRepository);
        requirement.repository = RepositoryRule::Unknown;
        assert_eq!(check(&layout(name), &requirement).unwrap().evidence().not_checked.len(), 1);
    }
}

#[test]
fn a_required_log_entry_must_be_there_and_be_checked() {
    for name in ["cosign2-key2", "cosign2-key2ed", "cosign3-key3"] {
        let mut signer = signer_of(name);
        let mut requirement = require(vec![signer.clone()]);
        requirement.log = LogRule::Required;
        denied(check(&layout(name), &requirement), Code::RootMissing);
        if let SignerIdentity::Key { root: own, .. } = &mut signer.identity {
            *own = Some(root());
        }
        requirement.signers = vec![signer];
        denied(check(&layout(name), &requirement), Code::LogNone);
        requirement.log = LogRule::Optional;
        assert!(check(&layout(name), &requirement).is_ok());
    }
}

#[test]
fn age_is_proved_or_refused() {
    let day = Duration::from_secs(86_400);
    let mut requirement = require(vec![acme()]);
    requirement.max_age = Some(day + day);
    assert!(check(&layout("cosign3-kl3v1"), &requirement).is_ok());
    requirement.max_age = Some(day);
    denied(check(&layout("cosign3-kl3v1"), &requirement), Code::TimeTooOld);
    let mut requirement = require(vec![signer_of("cosign3-key3")]);
    requirement.max_age = Some(day);
    denied(check(&layout("cosign3-key3"), &requirement), Code::TimeTooOld);
}

#[test]
fn only_listed_digests_may_run() {
    let mut requirement = require(vec![acme()]);
    requirement.digests = Some([INDEX.parse().unwrap()].into());
    assert!(check(&layout("cosign3-kl3v2"), &requirement).is_ok());
    requirement.digests = Some([perry_sandbox_reference::Digest::of(b"other")].into());
    denied(check(&layout("cosign3-kl3v2"), &requirement), Code::QuorumDigest);
}

#[test]
fn cve_2022_35929_a_signature_does_not_stand_for_a_required_attestation() {
    let mut requirement = require(vec![acme()]);
    requirement.provenance = Some(ProvenanceRule {
        predicate: "https://slsa.dev/provenance/v1".to_owned(),
        by: vec![acme()],
        says: PredicateRule::default(),
    });
    denied(check(&layout("cosign3-kl3v1"), &requirement), Code::ProvenanceMissing);
}

#[test]
fn one_key_under_two_names_is_no_quorum_of_two() {
    let mut second = signer_of("cosign3-key3");
    second.name = "second".parse().unwrap();
    let mut requirement = require(vec![signer_of("cosign3-key3"), second]);
    assert_eq!(check(&layout("cosign3-key3"), &requirement).unwrap().evidence().signatures.len(), 2);
    requirement.at_least = 2.try_into().unwrap();
    denied(check(&layout("cosign3-key3"), &requirement), Code::QuorumUnmet);
}

#[test]
fn a_quorum_of_two_needs_two_signers() {
    let mut requirement = require(vec![acme(), signer_of("cosign3-key3")]);
    requirement.at_least = 2.try_into().unwrap();
    denied(check(&layout("cosign3-kl3v1"), &requirement), Code::QuorumUnmet);
    denied(check(&layout("cosign3-kl3v1"), &require(vec![])), Code::QuorumEmpty);
}

/// The image with the signature of a key and that of a certificate.
fn signed_by_two() -> Memory {
    let mut source = bare("cosign3-kl3v1");
    for name in ["cosign3-kl3v1", "cosign3-key3"] {
        attach(&mut source, &bundle_of(name), &INDEX.parse().unwrap());
    }
    source
}

/// `acme`, and one of the plant's key and another one.
fn acme_and_one_of_two() -> Requirement {
    let other = key("other", text("signed/keys/ed.pub"), None);
    let mut requirement = require(vec![acme(), signer_of("cosign3-key3"), other]);
    requirement.required = ["acme".parse().unwrap()].into();
    requirement.at_least = 2.try_into().unwrap();
    requirement
}

#[test]
fn a_required_signer_must_have_signed_whoever_else_did() {
    let mut requirement = acme_and_one_of_two();
    let both = signed_by_two();
    assert_eq!(check(&both, &requirement).unwrap().evidence().signers().len(), 2);
    // Each alone is not enough, and which one is missing is said.
    denied(check(&layout("cosign3-kl3v1"), &requirement), Code::QuorumUnmet);
    denied(check(&layout("cosign3-key3"), &requirement), Code::QuorumRequired);
    // As many as are needed, and not the one who must.
    requirement.required = ["other".parse().unwrap()].into();
    let denial = check(&both, &requirement).unwrap_err();
    let text = denial.to_string();
    for part in [
        "  for other:\n  V-QUORUM-04: a signer who must sign has not",
        "found:    signed by acme, plant",
        "expected: other and 1 of acme, plant, by different keys or identities",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("V-QUORUM-01"), "{text}");
    let json = serde_json::to_value(&denial).unwrap();
    let reason = &json["reasons"][0];
    assert_eq!((&reason["signer"], &reason["finding"]["code"]), (&"other".into(), &"V-QUORUM-04".into()));
}

#[test]
fn a_key_under_a_required_name_and_another_counts_for_the_required_one_alone() {
    let again = key("again", text("signed/keys/cosign.pub"), None);
    let mut requirement = require(vec![again, signer_of("cosign3-key3")]);
    requirement.required = ["plant".parse().unwrap()].into();
    assert!(check(&layout("cosign3-key3"), &requirement).is_ok());
    requirement.at_least = 2.try_into().unwrap();
    denied(check(&layout("cosign3-key3"), &requirement), Code::QuorumUnmet);
    requirement.required.insert("again".parse().unwrap());
    denied(check(&layout("cosign3-key3"), &requirement), Code::QuorumRequired);
}
