//! Claims of a certificate: what a signer must have on top of issuer and subject.

use std::collections::BTreeMap;

use perry_sandbox_policy::{
    Claim, CommandLineSigner, DenyCode, LogRule, Policy, Requirement, SignerIdentity, VerifiedIdentity,
    VerifiedSignature, decide_requirement,
};

use crate::decisions::{ad_hoc, codes, run, subject};
use crate::support::{able_host, acme_signature, evidence, loaded, try_load};

/// A policy whose one signer must have these claims.
fn text(claims: &str) -> String {
    format!(
        "schema = \"perry-sandbox/policy/v1\"\n[trust-root.public]\nkind = \"sigstore-public\"\n\
         [signer.s]\nroot = \"public\"\nissuer = \"https://i.example\"\nsubject = \"https://s.example\"\n\
         claims = {{ {claims} }}\n[image.i]\nrepository = \"r.example/i\"\nsigned-by = {{ all = [\"s\"] }}\n\
         provenance = {{ predicate = \"https://slsa.dev/provenance/v1\", by = [\"s\"] }}\n\
         [ad-hoc]\ntier = \"isolated\"\nimage = [\"i\"]\n"
    )
}

fn signature(claims: &[(&str, &str)]) -> VerifiedSignature {
    let claim = |(name, value): &(&str, &str)| Claim { name: (*name).into(), value: (*value).into() };
    VerifiedSignature {
        signer: "s".parse().unwrap(),
        by: VerifiedIdentity::Keyless {
            issuer: "https://i.example".into(),
            subject: "https://s.example".into(),
        },
        claims: claims.iter().map(claim).collect(),
        ..acme_signature(1)
    }
}

/// Why evidence of a signature with these claims, and of an attestation with those, is not enough.
fn denied(policy: &Policy, signed: &[(&str, &str)], attested: &[(&str, &str)]) -> Vec<DenyCode> {
    let mut evidence = evidence(Some("i"), Some("r.example/i"), vec![signature(signed)]);
    evidence.provenance = Some(signature(attested));
    codes(&run(policy, &ad_hoc(), &evidence, &able_host()))
}

fn claims_of(requirement: &Requirement) -> Vec<(&str, &str)> {
    let SignerIdentity::Keyless { claims, .. } = &requirement.signers[0].identity else { panic!("keyless") };
    claims.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

const BOTH: [(&str, &str); 2] = [("runner", "github-hosted"), ("source-ref", "refs/heads/main")];

#[test]
fn claims_are_held_against_kept_evidence() {
    let policy = loaded(&text("runner = 'github-hosted', source-ref = 'refs/heads/main'"));
    assert_eq!(denied(&policy, &BOTH, &BOTH), []);
    let more = [BOTH[0], ("visibility", "public"), BOTH[1]];
    assert_eq!(denied(&policy, &more, &more), []);
    for less in [
        vec![],
        vec![BOTH[0]],
        vec![BOTH[1]],
        vec![BOTH[0], ("source-ref", "refs/heads/main2")],
        vec![BOTH[0], ("github-ref", "refs/heads/main")],
        vec![("runner", "refs/heads/main"), ("source-ref", "github-hosted")],
    ] {
        assert_eq!(denied(&policy, &less, &BOTH), [DenyCode::Quorum], "{less:?}");
        assert_eq!(denied(&policy, &BOTH, &less), [DenyCode::Provenance], "{less:?}");
    }
    assert_eq!(denied(&loaded(&text("")), &[], &[]), []);
}

#[test]
fn two_files_ask_for_the_claims_of_both() {
    let (a, b) = (text("runner = 'github-hosted'"), text("source-ref = 'refs/heads/main'"));
    let met = try_load(&[("a.toml", &a), ("b.toml", &b)]).unwrap();
    let asked = decide_requirement(&met, &ad_hoc(), &subject("r.example/i")).unwrap();
    assert_eq!(claims_of(&asked.requirement), BOTH);
    let other = text("runner = 'self-hosted'");
    let error = try_load(&[("a.toml", &a), ("b.toml", &other)]).unwrap_err();
    assert_eq!(error.refusals()[0].code.as_str(), "PSR116");
}

#[test]
fn a_signer_on_the_command_line_is_held_to_its_own_claims_too() {
    let policy = loaded(&text("runner = 'github-hosted'"));
    let own = decide_requirement(&policy, &ad_hoc(), &subject("r.example/i")).unwrap().requirement.signers;
    let asked = |given: &[(&str, &str)]| {
        let mut signer = own[0].clone();
        let SignerIdentity::Keyless { claims, .. } = &mut signer.identity else { panic!("keyless") };
        *claims =
            given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect::<BTreeMap<_, _>>();
        let given = CommandLineSigner { signer, log: LogRule::Optional };
        let policy = policy.clone().with_command_line_signer(given);
        decide_requirement(&policy, &ad_hoc(), &subject("r.example/i"))
    };
    assert_eq!(claims_of(&asked(&[]).unwrap().requirement), BOTH[..1]);
    assert_eq!(claims_of(&asked(&BOTH[1..]).unwrap().requirement), BOTH);
    assert_eq!(asked(&[("runner", "self-hosted")]).unwrap_err().first().code, DenyCode::ForeignSigner);
}
