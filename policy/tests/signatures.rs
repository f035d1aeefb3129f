//! What a policy asks of signatures: windows, the deny list, annotations, mirrors, provenance.

use perry_sandbox_policy::{
    Denied, DenyCode, ImageSubject, LogRule, Requirement, SubjectPattern, TimeSource, VerifiedTime, decide,
    decide_requirement, diff,
};
use perry_sandbox_reference::Digest;

use crate::support::{
    ACME, able_host, acme, acme_signature, capability, codes, evidence, image, key_signature, loaded,
    manifest, now, pem, request, shell_tools, try_load,
};

const HEAD: &str = "schema = \"perry-sandbox/policy/v1\"\n";
const RULE: &str = "[ad-hoc]\ntier = \"isolated\"\nimage = [\"tools\"]\n\
    [image.tools]\nrepository = \"mirror.example/hub\"\nsigned-by = { at-least = 1, of = [\"one\"] }\n";

/// A policy with one signer (with these keys) and one image rule (with those).
fn policy(signer: &str, rule: &str) -> String {
    format!("{HEAD}[signer.one]\npublic-key = \"keyone.pub\"\n{signer}\n{RULE}{rule}\n")
}

fn required(text: &str, repository: Option<&str>) -> Requirement {
    let subject = ImageSubject { repository: repository.map(|text| text.parse().unwrap()) };
    let ad_hoc = request(perry_sandbox_policy::Target::AdHoc);
    decide_requirement(&loaded(text), &ad_hoc, &subject).unwrap().requirement
}

/// Codes of the denial of an image signed by `one` at these times (seconds since 1970).
fn decided(text: &str, times: &[i64]) -> Vec<DenyCode> {
    let mut signature = key_signature("one", &pem("keyone.pub"));
    signature.times = times.iter().map(|at| VerifiedTime::new(TimeSource::Log, *at)).collect();
    let mut evidence = evidence(Some("tools"), Some("mirror.example/hub/x"), vec![signature]);
    evidence.provenance = None;
    let ad_hoc = request(perry_sandbox_policy::Target::AdHoc);
    match decide(&loaded(text), &ad_hoc, &evidence, &image(), &able_host(), now()) {
        perry_sandbox_policy::Verdict::Allow(_) => Vec::new(),
        perry_sandbox_policy::Verdict::Deny(denial) => denial.iter().map(|it| it.code).collect(),
    }
}

#[test]
fn every_mistake_in_these_keys_has_its_code() {
    for (signer, rule, code) in [
        ("not-before = \"soon\"", "", "PSR110"),
        ("not-before = 2026-01-01T00:00:00", "", "PSR110"),
        ("not-before = 7", "", "PSR109"),
        ("not-before = 2026-01-02\nnot-after = 2026-01-01", "", "PSR118"),
        ("not-before = 2026-01-02\nrevoked-at = 2026-01-01", "", "PSR118"),
        ("revoked = 2026-01-01", "", "PSR107"),
        ("", "signed-as = \"any\"", "PSR110"),
        ("", "mirror-of = \"UPPER case\"", "PSR110"),
        ("", "annotations = { a = \"\" }", "PSR110"),
        ("", "annotations = { a = 1 }", "PSR109"),
        ("", "signed-after = true", "PSR109"),
        ("", "verify-timeout = \"10\"", "PSR110"),
        ("", "verify-timeout = 10", "PSR109"),
        ("", "trial = { signed-by = { at-least = 1, of = [\"nobody\"] } }", "PSR112"),
        ("", "trial = { repository = \"registry.example/a\" }", "PSR107"),
        ("", "trial = { trial = { log = \"required\" } }", "PSR107"),
        ("", "trial = { log = \"optional\" }", "PSR110"),
        ("", "trial = {}", "PSR110"),
        ("", "verify-timeout = \"61s\"", "PSR111"),
        (
            "",
            "provenance = { predicate = \"https://x.example/p\", by = [\"one\"], builder = \"b\" }",
            "PSR110",
        ),
        (
            "",
            "provenance = { predicate = \"p\", by = [\"one\"], conditions = [{ at = \"a\", one-of = [\"x\"] }] }",
            "PSR110",
        ),
        (
            "",
            "provenance = { predicate = \"p\", by = [\"one\"], conditions = [{ at = \"/a\", one-of = [] }] }",
            "PSR110",
        ),
        ("", "provenance = { predicate = \"p\", by = [\"one\"], conditions = [{ at = \"/a\" }] }", "PSR108"),
        ("", "[[deny]]\nreason = \"nothing\"", "PSR110"),
        ("", "[[deny]]\nserial = \"aa\"", "PSR108"),
        ("", "[[deny]]\nserial = \"not hex\"\nreason = \"r\"", "PSR110"),
        ("", "[[deny]]\nserial = \"aa\"\nkey = \"sha256:00\"\nreason = \"r\"", "PSR110"),
        ("", "[[deny]]\nissuer = \"https://i\"\nreason = \"r\"", "PSR107"),
        ("", "[[deny]]\nlog-entry = { index = -1 }\nreason = \"r\"", "PSR111"),
        ("", "[[deny]]\nlog-entry = { log = \"aa\", index = 1 }\nreason = \"r\"", "PSR110"),
        ("", "[[deny]]\ndigest = \"sha256:AA\"\nreason = \"r\"", "PSR110"),
        ("not-before = 2026-01-01T00:00:00+02:00\nnot-after = \"2027-01-01\"", "log = \"required\"", ""),
    ] {
        let found = codes(&policy(signer, rule));
        if code.is_empty() {
            assert_eq!(found, Vec::<&str>::new(), "{signer} {rule}");
        } else {
            assert!(found.contains(&code), "{signer} {rule}: {found:?}");
        }
    }
}

#[test]
fn cve_2026_54787_a_keys_window_is_held_against_kept_evidence_too() {
    let window = policy("not-before = 2026-01-01\nnot-after = 2026-06-01\nrevoked-at = 2026-05-01", "");
    let second = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
    assert_eq!(decided(&window, &[second("2026-04-30T23:59:59Z")]), []);
    assert_eq!(decided(&window, &[second("2026-05-01T00:00:00Z")]), [DenyCode::Quorum]);
    assert_eq!(decided(&window, &[second("2025-12-31T23:59:59Z")]), [DenyCode::Quorum]);
    assert_eq!(decided(&window, &[]), [DenyCode::Quorum]);
    assert_eq!(decided(&policy("not-after = 2027-01-01", ""), &[]), []);
}

#[test]
fn a_signature_before_signed_after_does_not_count() {
    let text = policy("", "signed-after = 1970-01-01T00:01:40Z");
    assert_eq!(decided(&text, &[100]), []);
    assert_eq!(decided(&text, &[200, 99]), [DenyCode::Quorum]);
    assert_eq!(decided(&text, &[]), [DenyCode::Quorum]);
}

#[test]
fn a_denied_image_or_key_is_denied_with_good_evidence() {
    let deny = |entry: &str| policy("", &format!("[[deny]]\n{entry}\nreason = \"lost\""));
    let key = crate::support::fingerprint(&pem("keyone.pub"));
    assert_eq!(decided(&deny(&format!("key = \"{key}\"")), &[]), [DenyCode::Quorum]);
    assert_eq!(decided(&deny(&format!("digest = \"{}\"", manifest())), &[]), [DenyCode::Denied]);
    assert_eq!(decided(&deny(&format!("digest = \"{}\"", Digest::of(b"config"))), &[]), [DenyCode::Denied]);
    assert_eq!(decided(&deny(&format!("key = \"{}\"", Digest::of(b"other"))), &[]), []);
}

#[test]
fn a_denied_identity_is_denied_with_good_evidence() {
    let deny = "\n[[deny]]\nreason = \"taken over\"\nidentity = { subject = \"https://github.com/acme/tools/.github/workflows/release.yml@refs/tags/*\" }\n";
    let policy = loaded(&format!("{ACME}{deny}"));
    let verdict =
        decide(&policy, &capability("format-markdown"), &shell_tools(), &image(), &able_host(), now());
    assert!(matches!(verdict, perry_sandbox_policy::Verdict::Deny(_)));
    let stars = policy
        .denied()
        .entries()
        .filter(|entry| matches!(&entry.what, Denied::Identity { subject: SubjectPattern::Star(_), .. }));
    assert_eq!(stars.count(), 2);
    assert_eq!(acme_signature(1).serial, None);
}

#[test]
fn a_mirrors_signatures_name_the_repository_that_it_mirrors() {
    let shown = |rule: &str, repository: Option<&str>| {
        serde_json::to_value(required(&policy("", rule), repository).repository).unwrap()
    };
    let exact = |text: &str| serde_json::json!({ "exact": text });
    assert_eq!(shown("", Some("mirror.example/hub/busybox")), exact("mirror.example/hub/busybox"));
    let mirror = "mirror-of = \"docker.io/library\"";
    assert_eq!(shown(mirror, Some("mirror.example/hub/busybox")), exact("docker.io/library/busybox"));
    let prefix = format!("{mirror}\nsigned-as = \"prefix\"");
    assert_eq!(
        shown(&prefix, Some("mirror.example/hub/busybox")),
        serde_json::json!({ "within": "docker.io/library" })
    );
    assert_eq!(shown("signed-as = \"prefix\"", None), serde_json::json!({ "within": "mirror.example/hub" }));
    assert_eq!(shown("signed-as = \"ignore\"", None), "any");
}

#[test]
fn files_compose_to_what_all_of_them_ask() {
    let one = policy(
        "not-before = 2026-01-01",
        "signed-as = \"ignore\"\nverify-timeout = \"3s\"\nannotations = { a = \"1\" }\nsigned-after = 2026-01-01\n[[deny]]\nserial = \"1\"\nreason = \"r\"",
    );
    let two = policy(
        "revoked-at = 2026-05-01",
        "annotations = { b = \"2\" }\nsigned-after = 2026-02-01\n[[deny]]\nserial = \"2\"\nreason = \"r\"",
    );
    let load = |files: &[(&str, &str)]| try_load(files).map(|policy| policy.to_canonical_json());
    let both = load(&[("a.toml", &one), ("b.toml", &two)]).unwrap();
    assert_eq!(both, load(&[("a.toml", &two), ("b.toml", &one)]).unwrap());
    let policy_of = try_load(&[("a.toml", &one), ("b.toml", &two)]).unwrap();
    let ad_hoc = request(perry_sandbox_policy::Target::AdHoc);
    let subject = ImageSubject { repository: Some("mirror.example/hub".parse().unwrap()) };
    let met = decide_requirement(&policy_of, &ad_hoc, &subject).unwrap().requirement;
    assert_eq!(met.annotations.len(), 2);
    assert_eq!(met.signed_after.unwrap().to_string(), "2026-02-01T00:00:00Z");
    assert_eq!(met.denied.entries().count(), 2);
    assert_eq!(met.verify_timeout.as_secs(), 3);
    assert!(met.signers[0].window.not_before.is_some() && met.signers[0].window.revoked_at.is_some());
    assert!(matches!(met.repository, perry_sandbox_policy::RepositoryRule::Exact(_)));
    for (a, b) in [
        ("annotations = { a = \"1\" }", "annotations = { a = \"2\" }"),
        ("mirror-of = \"docker.io/library\"", ""),
        (
            "provenance = { predicate = \"https://slsa.dev/provenance/v1\", by = [\"one\"], source = \"a\" }",
            "provenance = { predicate = \"https://slsa.dev/provenance/v1\", by = [\"one\"], source = \"b\" }",
        ),
    ] {
        let (a, b) = (policy("", a), policy("", b));
        let error = try_load(&[("a.toml", &a), ("b.toml", &b)]).unwrap_err();
        assert_eq!(error.refusals()[0].code.as_str(), "PSR116", "{a}\n{b}");
    }
}

#[test]
fn a_verification_may_take_as_long_as_the_shortest_file_says_and_ten_seconds_if_none_does() {
    let seconds = |rules: &[&str]| rule(rules).verify_timeout.as_secs();
    assert_eq!(seconds(&[""]), 10);
    assert_eq!(seconds(&["verify-timeout = \"60s\""]), 60);
    assert_eq!(seconds(&["verify-timeout = \"1m\"", "verify-timeout = \"20s\""]), 20);
    assert_eq!(seconds(&["verify-timeout = \"60s\"", ""]), 10);
    // What takes no longer proves the same, and a policy that does not use the key has the digest that it had.
    let digest = |rule| loaded(&policy("", rule)).digest().clone();
    assert_eq!(digest(""), digest("verify-timeout = \"10s\""));
    assert_ne!(digest(""), digest("verify-timeout = \"11s\""));
}

fn rule(rules: &[&str]) -> Requirement {
    let files: Vec<_> = rules.iter().map(|rule| policy("", rule)).collect();
    let files: Vec<_> = files.iter().map(|text| ("a.toml", text.as_str())).collect();
    let ad_hoc = request(perry_sandbox_policy::Target::AdHoc);
    let subject = ImageSubject { repository: Some("mirror.example/hub".parse().unwrap()) };
    decide_requirement(&try_load(&files).unwrap(), &ad_hoc, &subject).unwrap().requirement
}

#[test]
fn a_trial_asks_for_what_its_rule_does_where_it_does_not_say() {
    let plain = rule(&["max-age = \"9d\"\nannotations = { a = \"1\" }"]);
    let tried = rule(&[
        "max-age = \"9d\"\nannotations = { a = \"1\" }\ntrial = { log = \"required\", annotations = { b = \"2\" } }",
    ]);
    let trial = tried.trial.clone().unwrap();
    assert_eq!(Requirement { trial: None, ..tried.clone() }, plain, "what is enforced is the same");
    let annotations =
        [("a", "1"), ("b", "2")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(*trial, Requirement { log: LogRule::Required, annotations, ..plain.clone() });
    // A proof with one is not taken for a proof with another.
    assert_ne!(tried.digest(), plain.digest());
}

#[test]
fn trials_of_several_files_compose_to_what_all_would_ask_if_they_enforced_them() {
    let one = "trial = { log = \"required\" }";
    let two = "max-age = \"5d\"";
    let three = "trial = { max-age = \"3d\" }";
    let days = |requirement: &Requirement| requirement.max_age.map(|age| age.as_secs() / 86_400);
    for rules in [[one, two, three], [three, one, two]] {
        let met = rule(&rules);
        let trial = met.trial.as_ref().unwrap();
        assert_eq!((met.log, days(&met)), (LogRule::Optional, Some(5)));
        assert_eq!((trial.log, days(trial)), (LogRule::Required, Some(3)));
    }
}

#[test]
fn the_difference_of_two_policies_names_these_keys() {
    let old = loaded(&policy("", ""));
    let denied = diff(&old, &loaded(&policy("", "[[deny]]\nserial = \"1\"\nreason = \"r\""))).to_text();
    assert!(
        denied.contains("deny list") && denied.contains("- the certificate with the serial number 1"),
        "{denied}"
    );
    for rule in ["signed-as = \"ignore\"", "mirror-of = \"docker.io/x\"", "annotations = { a = \"1\" }"] {
        assert!(diff(&old, &loaded(&policy("", rule))).widens(), "{rule}");
    }
    let tries = diff(&old, &loaded(&policy("", "trial = { log = \"required\" }")));
    assert!(
        !tries.widens() && tries.to_text().contains(". the rule tools tries something else"),
        "{}",
        tries.to_text()
    );
    let longer = diff(&old, &loaded(&policy("", "verify-timeout = \"11s\"")));
    assert!(
        longer.widens() && longer.to_text().contains("+ a longer verification for tools"),
        "{}",
        longer.to_text()
    );
    let shorter = diff(&old, &loaded(&policy("", "verify-timeout = \"9s\"")));
    assert!(
        !shorter.widens() && shorter.to_text().contains("- a longer verification"),
        "{}",
        shorter.to_text()
    );
    let window = diff(&old, &loaded(&policy("not-after = 2026-01-01", "")));
    assert!(window.to_text().contains("somebody else"), "{}", window.to_text());
}

#[test]
fn the_example_asks_for_typed_provenance() {
    let rule = acme();
    let rule = rule.images().find(|(name, _)| name.as_str() == "mirrored").unwrap().1;
    let says = &rule.provenance.as_ref().unwrap().value.says;
    assert!(says.needs_slsa() && says.conditions.len() == 1);
    assert_eq!(says.source.as_deref(), Some("https://github.com/acme/tools"));
}
