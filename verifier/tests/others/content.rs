//! What is signed, and what is found.

use perry_sandbox_image::{Memory, Source as _, Wanted, media_type, resolve};
use perry_sandbox_policy::{Expression, IssuerPattern, SignerIdentity, SubjectPattern};
use perry_sandbox_reference::{Digest, Reference, Repository};
use perry_sandbox_testkit::sigstore::{Proofs, Sigstore};
use perry_sandbox_verifier::{Clock, Code, DenialClass, claim_names, verify};

use super::{artifact, instance, refused, run};
use crate::kit::{INDEX, acme, attach_bytes, bare, check, clock, denied, layout, require};

#[test]
fn cve_2022_35930_an_attestation_of_another_type_does_not_make_the_required_one_pass() {
    let pki = crate::pki::Pki::new();
    let index: Digest = INDEX.parse().unwrap();
    let mut source = bare("cosign3-key3");
    for predicate in [crate::pki::SIGN, "https://spdx.dev/Document"] {
        let bundle = pki.bundle(predicate, &crate::pki::subject(&index)).to_string();
        attach_bytes(&mut source, bundle.as_bytes(), &index);
    }
    let mut requirement = require(vec![pki.signer()]);
    requirement.provenance = Some(perry_sandbox_policy::ProvenanceRule {
        predicate: "https://cyclonedx.org/bom".to_owned(),
        by: vec![pki.signer()],
        says: perry_sandbox_policy::PredicateRule::default(),
    });
    denied(check(&source, &requirement), Code::ProvenanceMissing);
}

#[test]
fn sigstore_conformance_405_an_unknown_statement_type_is_refused() {
    for kind in ["https://in-toto.io/Statement/v2", "https://in-toto.io/Statement/V1", "", "x"] {
        let it = Sigstore { statement_type: kind.to_owned(), ..instance(Proofs::V1) };
        refused(run(&it, &it.image_signature(&artifact())), &[Code::BindStatement]);
    }
}

#[test]
fn cve_2025_25204_nothing_at_all_is_a_denial() {
    let source = bare("cosign3-key3");
    let denial = check(&source, &require(vec![acme()])).unwrap_err();
    assert_eq!(denial.class, DenialClass::NotVerified);
    assert!(denial.findings().any(|it| it.code == Code::FindNone) && denial.candidates.is_empty());
    // Nor does a requirement without signers accept anything.
    denied(check(&layout("cosign3-key3"), &require(vec![])), Code::QuorumEmpty);
}

#[test]
fn cve_2023_42813_42814_42815_42816_hostile_manifests_and_signatures_only_deny() {
    let index: Digest = INDEX.parse().unwrap();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let hostile = [
        String::new(),
        "null".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        deep.clone(),
        "{\"schemaVersion\":2,\"layers\":null}".to_owned(),
        "{\"schemaVersion\":2,\"config\":{},\"layers\":[{\"mediaType\":\"x\",\"size\":-1}]}".to_owned(),
    ];
    for text in &hostile {
        let mut source = bare("cosign3-key3");
        let manifest = source.add_manifest(text.clone(), media_type::OCI_MANIFEST);
        source.set_tag(&format!("{}.sig", INDEX.replace(':', "-")), manifest);
        let denial = check(&source, &require(vec![acme()])).unwrap_err();
        assert_eq!(denial.class, DenialClass::NotVerified, "{text:.40}: {denial}");
        // The same as a bundle in a manifest that is right.
        let mut source = bare("cosign3-key3");
        attach_bytes(&mut source, text.as_bytes(), &index);
        let denial = check(&source, &require(vec![acme()])).unwrap_err();
        assert_eq!(denial.class, DenialClass::NotVerified, "{text:.40}: {denial}");
    }
}

#[test]
fn cve_2023_47630_what_is_verified_is_the_digest_that_was_resolved() {
    let source = layout("cosign3-key3");
    let platform = "linux/amd64".parse().unwrap();
    let image = resolve(&source, &Wanted::Digest(INDEX.parse().unwrap()), &platform).unwrap();
    let requirement = require(vec![crate::kit::signer_of("cosign3-key3")]);
    let verified = verify(&source, &image, &requirement, clock()).unwrap();
    assert_eq!(verified.top().as_str(), INDEX);
    assert_eq!(verified.manifest_digest(), image.manifest_digest());
    assert_eq!(verified.evidence().path, [image.top().clone(), image.manifest_digest().clone()]);
}

#[test]
fn cve_2023_33959_a_manifest_that_is_not_what_its_digest_names_is_refused() {
    let mut source = Memory::default();
    let honest = bare("cosign3-key3");
    let index: Digest = INDEX.parse().unwrap();
    let mut bytes = honest.manifest(&index).unwrap().unwrap().bytes;
    bytes.push(b' ');
    source.add_as(index.clone(), bytes);
    let platform = "linux/amd64".parse().unwrap();
    assert!(resolve(&source, &Wanted::Digest(index), &platform).is_err());
}

#[test]
fn cve_2023_33958_a_signature_that_is_tried_in_vain_costs_no_more_than_its_turn() {
    let index: Digest = INDEX.parse().unwrap();
    let mut source = bare("cosign3-key3");
    for at in 0..200 {
        attach_bytes(&mut source, format!("{{\"at\":{at}}}").as_bytes(), &index);
    }
    let denial = check(&source, &require(vec![acme()])).unwrap_err();
    assert!(denial.candidates.len() <= 64);
    assert!(denial.findings().any(|it| it.code == Code::FindTooMany), "{denial}");
}

#[test]
fn cve_2025_29778_every_part_of_an_identity_is_compared() {
    let source = layout("cosign3-kl3v1");
    let SignerIdentity::Keyless { issuer, subject, root, .. } = acme().identity else { panic!("keyless") };
    let signer = |issuer: IssuerPattern, subject: SubjectPattern, claims: &[(&str, &str)]| {
        let claims = claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let root = root.clone();
        let identity = SignerIdentity::Keyless { issuer, subject, claims, root };
        require(vec![perry_sandbox_policy::Signer::new("acme".parse().unwrap(), identity)])
    };
    check(&source, &signer(issuer.clone(), subject.clone(), &[])).unwrap();
    let expression = |text: &str| IssuerPattern::WholeRegexp(Expression::new(text).unwrap());
    let whole = |text: &str| SubjectPattern::WholeRegexp(Expression::new(text).unwrap());
    denied(check(&source, &signer(expression("https://evil.*"), subject.clone(), &[])), Code::IdIssuer);
    denied(check(&source, &signer(expression("token"), subject.clone(), &[])), Code::IdIssuer);
    denied(check(&source, &signer(issuer.clone(), whole("https://evil.*"), &[])), Code::IdSubject);
    denied(check(&source, &signer(issuer.clone(), whole("acme"), &[])), Code::IdSubject);
    for (name, _) in claim_names() {
        denied(
            check(&source, &signer(issuer.clone(), subject.clone(), &[(name, "no such value")])),
            Code::IdClaim,
        );
    }
    denied(check(&source, &signer(issuer, subject, &[("unknown", "x")])), Code::IdClaimName);
}

#[test]
fn cve_2024_3727_only_a_whole_digest_is_a_digest() {
    for bad in [
        "sha256:",
        "sha256:../../../../etc/passwd",
        "sha256:%2e%2e%2f",
        &format!("sha256:{}", "A".repeat(64)),
        &format!("sha256:{}", "a".repeat(63)),
        &format!("sha256:{}/..", "a".repeat(64)),
        &format!("md5:{}", "a".repeat(32)),
        &format!("sha256:{}\n", "a".repeat(64)),
    ] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
        assert!(format!("registry.example/a@{bad}").parse::<Reference>().is_err(), "{bad}");
    }
    assert!("registry.example/a/../b".parse::<Repository>().is_err());
}

#[test]
fn cve_2024_56138_a_failure_is_neither_kept_nor_an_approval() {
    let verifier = perry_sandbox_verifier::Verifier::new(perry_sandbox_verifier::CacheLimits::default());
    let source = layout("cosign3-key3");
    let image = crate::kit::image(&source);
    let good = require(vec![crate::kit::signer_of("cosign3-key3")]);
    let bad = require(vec![acme()]);
    let late = Clock { deadline: Some(std::time::Instant::now()), ..clock() };
    let denial = verifier.verify(&source, &image, &good, late).unwrap_err();
    assert_eq!(denial.class, DenialClass::Failure, "{denial}");
    // What failed for want of time is asked again, and says nothing about another question.
    assert!(verifier.verify(&source, &image, &good, clock()).is_ok());
    assert!(verifier.verify(&source, &image, &bad, clock()).is_err());
    assert!(verifier.verify(&source, &image, &good, clock()).is_ok());
}

#[test]
fn rustsec_2026_0098_0099_0104_the_path_builder_is_one_without_these_faults() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let mut lines = lock.lines().skip_while(|line| *line != "name = \"rustls-webpki\"");
    let version = lines.nth(1).unwrap().trim_start_matches("version = ").trim_matches('"').to_owned();
    let parts: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    assert!(parts.as_slice() >= [0, 103, 13].as_slice(), "{version}");
    assert!(lines.all(|line| line != "name = \"rustls-webpki\""), "two versions");
}
