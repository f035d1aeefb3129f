//! Signers by regular expression.

use std::collections::BTreeMap;

use perry_sandbox_policy::{
    CommandLineSigner, DenyCode, Expression, ImageSubject, IssuerPattern, LogRule, Policy, PolicySource,
    Signer, SignerIdentity, SubjectPattern, VerifiedIdentity, decide_requirement, diff, format,
};

use crate::decisions::{ad_hoc, codes, run, subject};
use crate::support::{able_host, acme_signature, codes as refused, evidence, loaded, try_load};

const ISSUER: &str = "https://token.example";
const SUBJECT: &str = "https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/v1.2";
const BY_ISSUER: &str = "issuer = 'https://token.example'";
const BY_SUBJECT: &str =
    r"subject-regexp = 'https://github\.com/acme/(tools|app)/\.github/.*@refs/tags/v[0-9.]+'";

/// A policy whose one signer has these keys.
fn text(signer: &str, more: &str) -> String {
    format!(
        "schema = \"perry-sandbox/policy/v1\"\n[trust-root.public]\nkind = \"sigstore-public\"\n\
         [signer.s]\nroot = \"public\"\n{signer}\n[image.i]\nrepository = \"r.example/i\"\n\
         signed-by = {{ all = [\"s\"] }}\n[ad-hoc]\ntier = \"isolated\"\nimage = [\"i\"]\n{more}"
    )
}

fn regexp(subject: &str) -> String {
    format!("{BY_ISSUER}\nsubject-regexp = '{subject}'")
}

fn image() -> ImageSubject {
    subject("r.example/i")
}

/// Whether evidence of a signature by this issuer and subject is enough.
fn accepts(policy: &Policy, issuer: &str, subject: &str) -> bool {
    let mut signature = acme_signature(1);
    signature.signer = "s".parse().unwrap();
    signature.by = VerifiedIdentity::Keyless { issuer: issuer.into(), subject: subject.into() };
    let mut evidence = evidence(Some("i"), Some("r.example/i"), vec![signature]);
    evidence.provenance = None;
    let verdict = run(policy, &ad_hoc(), &evidence, &able_host());
    let found = codes(&verdict);
    assert!(found.is_empty() || found == [DenyCode::Quorum], "{found:?}");
    found.is_empty()
}

#[test]
fn an_expression_of_a_policy_is_held_against_kept_evidence_as_a_whole() {
    let policy = loaded(&text(&format!("{BY_ISSUER}\n{BY_SUBJECT}"), ""));
    assert!(accepts(&policy, ISSUER, SUBJECT));
    assert!(accepts(&policy, ISSUER, &SUBJECT.replace("tools", "app")));
    for other in [
        format!("{SUBJECT}-evil"),
        format!("{SUBJECT}\n"),
        format!("{SUBJECT}\nhttps://evil.example"),
        format!("https://evil.example/{SUBJECT}"),
        SUBJECT.replace("tools", "other"),
        SUBJECT.replace("github.com", "githubXcom"),
    ] {
        assert!(!accepts(&policy, ISSUER, &other), "{other:?}");
    }
    assert!(!accepts(&policy, "https://token.example.evil", SUBJECT));
    let two = loaded(&text(
        &format!("issuer-regexp = 'https://token\\.example|https://ci\\.example'\n{BY_SUBJECT}"),
        "",
    ));
    assert!(accepts(&two, ISSUER, SUBJECT) && accepts(&two, "https://ci.example", SUBJECT));
    assert!(
        !accepts(&two, "https://ci.example/", SUBJECT) && !accepts(&two, "x|https://ci.example", SUBJECT)
    );
}

#[test]
fn an_alternation_of_a_policy_is_anchored_as_a_whole() {
    let policy = loaded(&text(&regexp("good|other"), ""));
    assert!(accepts(&policy, ISSUER, "good") && accepts(&policy, ISSUER, "other"));
    for longer in ["good-evil", "evil-other", "goodother", "good|other"] {
        assert!(!accepts(&policy, ISSUER, longer), "{longer}");
    }
}

#[test]
fn every_mistake_with_an_expression_has_its_code_and_its_place() {
    let long = format!("'{}'", "a".repeat(4097));
    let long_key = format!("{BY_ISSUER}\nsubject-regexp = {long}");
    for (signer, code, place) in [
        ("issuer = 'https://i'\nsubject = 'a'\nsubject-regexp = 'b'", "PSR110", "subject-regexp"),
        ("issuer = 'https://i'\nissuer-regexp = 'https://j'\nsubject = 'a'", "PSR110", "issuer-regexp"),
        ("subject-regexp = 'a'", "PSR108", "[signer.s]"),
        ("issuer-regexp = 'https://i'", "PSR108", "[signer.s]"),
        ("public-key = 'keya.pub'\nsubject-regexp = 'a'", "PSR107", "subject-regexp"),
        ("public-key = 'keya.pub'\nissuer-regexp = 'a'", "PSR107", "issuer-regexp"),
        ("issuer = 'https://i'\nsubject-regexp = '('", "PSR110", "'('"),
        ("issuer = 'https://i'\nsubject-regexp = 'a)|(?:b'", "PSR110", "'a)|(?:b'"),
        ("issuer = 'https://i'\nsubject-regexp = '(a)\\1'", "PSR110", "'(a)\\1'"),
        ("issuer = 'https://i'\nsubject-regexp = '(a{1000}){1000}'", "PSR110", "'(a{1000}){1000}'"),
        (&long_key, "PSR110", &long),
        ("issuer = 'https://i'\nsubject-regexp = ''", "PSR110", "''"),
        ("issuer = 'https://i'\nsubject-regexp = '.*'", "PSR110", "'.*'"),
        ("issuer-regexp = '.+'\nsubject = 'a'", "PSR110", "'.+'"),
        ("issuer = 'https://i'\nsubject-regexp = 7", "PSR109", "7"),
        ("issuer = 'https://i'\nsubject-regexp = \"a\\nb\"", "PSR110", "\"a\\nb\""),
    ] {
        let text = text(signer, "");
        let error = try_load(&[("policy.toml", &text)]).unwrap_err();
        let found = error.refusals().iter().any(|it| {
            let at = &text[it.span.start as usize..it.span.end as usize];
            it.code.as_str() == code && (at == place || place.starts_with('[') && at.starts_with(place))
        });
        assert!(found, "{signer}:\n{}", error.render(false));
    }
    let error = try_load(&[("p.toml", &text(&regexp("(a{1000}){1000}"), ""))]).unwrap_err();
    assert!(error.to_string().contains("compiles to more than"), "{error}");
}

#[test]
fn a_policy_has_a_bounded_number_of_expressions() {
    let many = |count: usize| {
        let signer = |at| format!("[signer.m{at}]\nroot = \"public\"\n{}\n", regexp(&format!("m{at}")));
        refused(&text(&regexp("a"), &(1..count).map(signer).collect::<Vec<_>>().concat()))
    };
    assert_eq!(many(64), Vec::<&str>::new());
    assert!(many(65).contains(&"PSR104"));
}

#[test]
fn two_files_with_one_signer_mean_what_both_accept_or_contradict_each_other() {
    let met = |a: &str, b: &str| {
        let (a, b) = (text(a, ""), text(b, ""));
        let there = try_load(&[("a.toml", &a), ("b.toml", &b)]);
        let back = try_load(&[("b.toml", &b), ("a.toml", &a)]);
        match (there, back) {
            (Ok(there), Ok(back)) => {
                assert_eq!(there.digest(), back.digest());
                Ok(there)
            }
            (Err(error), Err(_)) => Err(error.refusals()[0].code.as_str()),
            other => panic!("{other:?}"),
        }
    };
    let exact = format!("{BY_ISSUER}\nsubject = '{SUBJECT}'");
    let star = format!("{BY_ISSUER}\nsubject = 'https://github.com/acme/*'");
    let wide = format!("{BY_ISSUER}\n{BY_SUBJECT}");
    assert!(accepts(&met(&wide, &wide).unwrap(), ISSUER, &SUBJECT.replace("tools", "app")));
    let narrow = met(&wide, &exact).unwrap();
    assert!(accepts(&narrow, ISSUER, SUBJECT));
    assert!(!accepts(&narrow, ISSUER, &SUBJECT.replace("tools", "app")));
    assert_eq!(met(&wide, &star).unwrap_err(), "PSR116");
    assert_eq!(met(&wide, &regexp("https://github\\.com/acme/.*")).unwrap_err(), "PSR116");
    assert_eq!(met(&wide, &format!("{BY_ISSUER}\nsubject = 'https://other'")).unwrap_err(), "PSR116");
    let issuers = format!("issuer-regexp = 'https://(token|ci)\\.example'\n{BY_SUBJECT}");
    let one = met(&wide, &issuers).unwrap();
    assert!(accepts(&one, ISSUER, SUBJECT) && !accepts(&one, "https://ci.example", SUBJECT));
    assert_eq!(
        met(&issuers, &format!("issuer = 'https://evil.example'\n{BY_SUBJECT}")).unwrap_err(),
        "PSR116"
    );
}

#[test]
fn the_canonical_form_keeps_expressions_and_leaves_exact_issuers_as_they_were() {
    let canonical = |signer: &str| loaded(&text(signer, "")).to_canonical_json();
    let exact = canonical(&format!("{BY_ISSUER}\nsubject = 'a'"));
    assert!(exact.contains("\"issuer\":\"https://token.example\""), "{exact}");
    let issuer = canonical("issuer-regexp = 'https://.*'\nsubject = 'a'");
    assert!(issuer.contains(r#""issuer":{"whole-regexp":"https://.*"}"#), "{issuer}");
    let subject = canonical(&regexp("a|b"));
    assert!(subject.contains(r#""subject":{"whole-regexp":"a|b"}"#), "{subject}");
    // An expression is not the text, nor the pattern with stars, that is written the same way.
    assert_ne!(canonical(&regexp("ab")), canonical(&format!("{BY_ISSUER}\nsubject = 'ab'")));
    let before = text(&format!("{BY_ISSUER}\n{BY_SUBJECT}"), "");
    let after = format(&PolicySource::new("p.toml", before.as_str())).unwrap();
    assert_eq!(loaded(&before).digest(), loaded(&after).digest(), "{after}");
}

#[test]
fn a_changed_expression_is_another_signer() {
    let other = diff(&loaded(&text(&regexp("a"), "")), &loaded(&text(&regexp("a|b"), "")));
    assert!(
        other.widens() && other.to_text().contains("the signer s is somebody else"),
        "{}",
        other.to_text()
    );
}

#[test]
fn a_signer_on_the_command_line_narrows_an_expression_and_is_narrowed_by_one() {
    let asked = |policy: &str, subject: SubjectPattern| {
        let policy = loaded(&text(policy, ""));
        let own = decide_requirement(&policy, &ad_hoc(), &image()).unwrap().requirement.signers;
        let SignerIdentity::Keyless { root, .. } = own[0].identity.clone() else { panic!("keyless") };
        let issuer = IssuerPattern::Exact(ISSUER.into());
        let identity = SignerIdentity::Keyless { issuer, subject, claims: BTreeMap::new(), root };
        let signer = Signer::new("command-line".parse().unwrap(), identity);
        let policy = policy.with_command_line_signer(CommandLineSigner { signer, log: LogRule::Optional });
        let asked = decide_requirement(&policy, &ad_hoc(), &image());
        asked.map(|asked| match &asked.requirement.signers[0].identity {
            SignerIdentity::Keyless { subject, .. } => subject.as_str().to_owned(),
            SignerIdentity::Key { .. } => panic!("keyless"),
        })
    };
    let exact = |text: &str| SubjectPattern::Exact(text.to_owned());
    let whole = |text: &str| SubjectPattern::WholeRegexp(Expression::new(text).unwrap());
    assert_eq!(asked(&regexp("a|b"), exact("a")).unwrap(), "a");
    assert_eq!(asked(&format!("{BY_ISSUER}\nsubject = 'a'"), whole("a|b")).unwrap(), "a");
    assert_eq!(asked(&regexp("a|b"), exact("ab")).unwrap_err().first().code, DenyCode::ForeignSigner);
    assert_eq!(asked(&regexp("a|b"), whole("a")).unwrap_err().first().code, DenyCode::ForeignSigner);
}

#[test]
fn a_denied_expression_denies_the_whole_subjects_that_it_matches() {
    let deny = |what: &str| {
        let entry = format!("[[deny]]\nreason = \"taken over\"\nidentity = {{ {what} }}\n");
        text(&format!("{BY_ISSUER}\n{BY_SUBJECT}"), &entry)
    };
    let policy = loaded(&deny(r"subject-regexp = 'https://github\.com/acme/tools/.*'"));
    assert!(!accepts(&policy, ISSUER, SUBJECT));
    assert!(accepts(&policy, ISSUER, &SUBJECT.replace("tools", "app")));
    assert!(accepts(&loaded(&deny("subject-regexp = 'https://github'")), ISSUER, SUBJECT));
    // A denial may be for anybody; it only ever denies more.
    assert!(!accepts(&loaded(&deny("subject-regexp = '.*'")), ISSUER, SUBJECT));
    for (what, code) in [
        ("subject = 'a', subject-regexp = 'a'", "PSR110"),
        ("issuer = 'https://i'", "PSR108"),
        ("subject-regexp = '('", "PSR110"),
    ] {
        assert!(refused(&deny(what)).contains(&code), "{what}");
    }
}
