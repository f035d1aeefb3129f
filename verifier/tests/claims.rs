//! Each claim of a certificate, by the name that a policy has for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use perry_sandbox_policy::{Requirement, Signer, SignerIdentity, SubjectPattern};
use perry_sandbox_reference::Digest;
use perry_sandbox_testkit::sigstore::{Extension, bare_claim, claim};
use perry_sandbox_verifier::{Clock, Code, Finding, Signed, claim_names, verify_bundle};
use serde_json::json;

use crate::kit::{self, data, keyless, root_of};
use crate::pki::{Pki, SIGN, subject};

/// Every extension that `docs/oid-info.md` of Fulcio lists under `1.3.6.1.4.1.57264.1`, by its title there; the last came
/// with Fulcio 1.8.6. 1 and 8 are the issuer, and 7 is a kind of subject that no signer can have.
const FULCIO: [(u32, &str, &str); 21] = [
    (2, "GitHub Workflow Trigger (deprecated)", "github-trigger"),
    (3, "GitHub Workflow SHA (deprecated)", "github-sha"),
    (4, "GitHub Workflow Name (deprecated)", "github-workflow-name"),
    (5, "GitHub Workflow Repository (deprecated)", "github-repository"),
    (6, "GitHub Workflow Ref (deprecated)", "github-ref"),
    (9, "Build Signer URI", "build-signer"),
    (10, "Build Signer Digest", "build-signer-digest"),
    (11, "Runner Environment", "runner"),
    (12, "Source Repository URI", "source-repository"),
    (13, "Source Repository Digest", "source-digest"),
    (14, "Source Repository Ref", "source-ref"),
    (15, "Source Repository Identifier", "source-repository-id"),
    (16, "Source Repository Owner URI", "source-owner"),
    (17, "Source Repository Owner Identifier", "source-owner-id"),
    (18, "Build Config URI", "build-config"),
    (19, "Build Config Digest", "build-config-digest"),
    (20, "Build Trigger", "build-trigger"),
    (21, "Run Invocation URI", "run"),
    (22, "Source Repository Visibility At Signing", "visibility"),
    (23, "Deployment Environment", "deployment-environment"),
    (24, "Token Subject", "token-subject"),
];

/// The extension as Fulcio writes it: bare text up to 6, a DER string from 8 on.
fn written(number: u32, text: &str) -> Extension {
    if number < 8 { bare_claim(number, text.as_bytes()) } else { claim(number, text) }
}

fn asking(mut signer: Signer, name: &str, value: &str) -> Requirement {
    let SignerIdentity::Keyless { claims, .. } = &mut signer.identity else { panic!("keyless") };
    claims.insert(name.to_owned(), value.to_owned());
    kit::require(vec![signer])
}

/// An artifact that was signed by a certificate with these claims.
struct Certified {
    signer: Signer,
    bundle: String,
    artifact: Digest,
}

impl Certified {
    fn with(claims: impl IntoIterator<Item = Extension>) -> Self {
        let mut pki = Pki::new();
        pki.extensions.extend(claims);
        let artifact = Digest::of(b"artifact");
        let bundle = pki.bundle(SIGN, &subject(&artifact)).to_string();
        Self { signer: pki.signer(), bundle, artifact }
    }

    /// Why it is refused where this claim must have this value.
    fn refusal(&self, name: &str, value: &str) -> Option<Finding> {
        let requirement = asking(self.signer.clone(), name, value);
        let signed = Signed::Digest(&self.artifact);
        let denial = verify_bundle(self.bundle.as_bytes(), signed, &requirement, kit::clock()).err()?;
        let finding = denial.findings().find(|it| it.code == Code::IdClaim);
        Some(finding.unwrap_or_else(|| panic!("{denial}")).clone())
    }
}

#[test]
fn every_claim_that_fulcio_writes_has_a_name() {
    let ours: BTreeSet<_> = claim_names().collect();
    assert_eq!(ours, FULCIO.map(|(number, _, name)| (name, number)).into());
}

#[test]
fn the_manual_lists_every_claim_with_its_extension() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policy/docs/SIGNATURES.md");
    let manual = fs::read_to_string(manual).unwrap();
    let listed: BTreeSet<_> = manual
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(name, rest)| Some((name, rest.split_once(" | ")?.0.parse().ok()?)))
        .collect();
    assert_eq!(listed, claim_names().collect());
}

#[test]
fn each_claim_is_accepted_with_its_own_value_and_refused_with_that_of_any_other() {
    let value = |number: u32| format!("value of {number}");
    let certified = Certified::with(FULCIO.map(|(number, ..)| written(number, &value(number))));
    for (number, title, name) in FULCIO {
        assert_eq!(certified.refusal(name, &value(number)), None, "{name}: {title}");
        for (other, ..) in FULCIO.into_iter().filter(|(other, ..)| *other != number) {
            let finding = certified.refusal(name, &value(other)).unwrap();
            assert_eq!(finding.found, format!("{name} = value of {number}"), "{title}");
            assert_eq!(finding.expected, format!("{name} = value of {other}"));
        }
    }
}

#[test]
fn a_claim_that_the_certificate_lacks_is_nothing_whatever_the_others_say() {
    for (left_out, _, name) in FULCIO {
        let others = FULCIO.into_iter().filter(|(number, ..)| *number != left_out);
        let certified = Certified::with(others.map(|(number, ..)| written(number, "same")));
        assert_eq!(certified.refusal(name, "same").unwrap().found, format!("{name} = nothing"));
        assert!(certified.refusal(name, "").is_some(), "{name} is not there, not empty");
    }
}

#[test]
fn a_claim_that_is_not_text_in_its_own_form_is_nothing() {
    for (number, _, name) in FULCIO {
        // ISO 8859-1; and from 8 on bare text, an IA5String, a string that something follows, one that ends early.
        let mut wrong = vec![b"caf\xe9".to_vec()];
        if number > 8 {
            wrong.extend([b"push", b"\x16\x02no", b"\x0c\x01ab", b"\x0c\x05no"].map(|it| it.to_vec()));
        }
        for bytes in wrong {
            let certified = Certified::with([bare_claim(number, &bytes)]);
            for value in ["push", "no", "a", "café"] {
                let finding = certified.refusal(name, value).unwrap();
                assert_eq!(finding.found, format!("{name} = nothing"), "{bytes:?}");
            }
        }
    }
}

#[test]
fn a_certificate_of_a_real_fulcio_has_each_claim_under_its_name() {
    const REPOSITORY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon";
    const COMMIT: &str = "9739798945b2a848e911bcf1dddb97298cade0b1";
    let workflow =
        format!("{REPOSITORY}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main");
    let run = format!("{REPOSITORY}/actions/runs/15609877086/attempts/1");
    // As `openssl x509 -text` shows them.
    let certificate = BTreeMap::from([
        ("github-trigger", "workflow_dispatch"),
        ("github-sha", COMMIT),
        ("github-workflow-name", "Extremely dangerous OIDC beacon"),
        ("github-repository", "sigstore-conformance/extremely-dangerous-public-oidc-beacon"),
        ("github-ref", "refs/heads/main"),
        ("build-signer", &workflow),
        ("build-signer-digest", COMMIT),
        ("runner", "github-hosted"),
        ("source-repository", REPOSITORY),
        ("source-digest", COMMIT),
        ("source-ref", "refs/heads/main"),
        ("source-repository-id", "632596897"),
        ("source-owner", "https://github.com/sigstore-conformance"),
        ("source-owner-id", "131804563"),
        ("build-config", &workflow),
        ("build-config-digest", COMMIT),
        ("build-trigger", "workflow_dispatch"),
        ("run", &run),
        ("visibility", "public"),
    ]);
    let bundle = fs::read(data("conformance/rekor2-happy-path/bundle.sigstore.json")).unwrap();
    let root = kit::text("conformance/rekor2-happy-path/trusted_root.json");
    let artifact = fs::read(data("conformance/a.txt")).unwrap();
    let issuer = "https://token.actions.githubusercontent.com";
    let beacon = keyless("beacon", issuer, SubjectPattern::Exact(workflow.clone()), root_of(root));
    let outcome = |name: &str, value: &str| {
        let requirement = asking(beacon.clone(), name, value);
        verify_bundle(&bundle, Signed::Bytes(&artifact), &requirement, Clock::at(Timestamp::now()))
    };
    for (_, _, name) in FULCIO {
        match certificate.get(name) {
            Some(value) => assert!(outcome(name, value).is_ok(), "{name}: {:?}", outcome(name, value)),
            // Fulcio did not write it then.
            None => assert!(outcome(name, "").is_err(), "{name}"),
        }
    }
}

#[test]
fn evidence_has_the_claims_that_were_asked_for_and_no_others() {
    let written = [claim(11, "github-hosted"), claim(14, "refs/heads/main"), claim(22, "public")];
    let certified = Certified::with(written);
    let claims = |requirement: &Requirement| {
        let signed = Signed::Digest(&certified.artifact);
        let evidence = verify_bundle(certified.bundle.as_bytes(), signed, requirement, kit::clock()).unwrap();
        serde_json::to_value(&evidence).unwrap()["signatures"][0]["claims"].clone()
    };
    let asked = asking(certified.signer.clone(), "source-ref", "refs/heads/main");
    assert_eq!(claims(&asked), json!([{"name": "source-ref", "value": "refs/heads/main"}]));
    assert_eq!(claims(&kit::require(vec![certified.signer.clone()])), json!(null));
}

#[test]
fn a_denial_shows_a_claim_as_it_was_found_and_as_it_is_asked_for() {
    let certified = Certified::with([claim(23, "staging\u{1b}[2J")]);
    let finding = certified.refusal("deployment-environment", "production").unwrap();
    let shown = serde_json::to_value(&finding).unwrap();
    assert_eq!(shown["code"], json!("V-ID-03"));
    assert_eq!(shown["found"], json!("deployment-environment = staging\\u{1b}[2J"));
    assert_eq!(shown["expected"], json!("deployment-environment = production"));
    let text = finding.to_string();
    assert!(text.contains("  found:    deployment-environment = staging\\u{1b}[2J\n"), "{text}");
}
