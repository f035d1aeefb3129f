//! `signed-by`: who must have signed, and how many beside them.

use std::collections::BTreeSet;

use perry_sandbox_policy::{
    CommandLineSigner, DenyCode, Evidence, LogRule, Policy, Requirement, Signer, SignerIdentity, Verdict,
    decide_requirement, diff,
};
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::decisions::{ad_hoc, codes, run, subject};
use crate::support::{able_host, codes as refused, evidence, key_signature, loaded, pem, try_load};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A policy of four signers whose image rule has this quorum and these further keys.
fn text(quorum: &str, more: &str) -> String {
    let signers = NAMES.map(|name| format!("[signer.{name}]\npublic-key = \"key{name}.pub\"\n")).concat();
    format!(
        "schema = \"perry-sandbox/policy/v1\"\n{signers}[image.i]\nrepository = \"r.example/i\"\n\
         signed-by = {quorum}\n{more}\n[ad-hoc]\ntier = \"isolated\"\nimage = [\"i\"]\n"
    )
}

fn required(policy: &Policy) -> Result<Requirement, perry_sandbox_policy::Denial> {
    decide_requirement(policy, &ad_hoc(), &subject("r.example/i")).map(|it| it.requirement)
}

/// Evidence of signatures by these names, each with the key of that other name.
fn signed(by: &[(&str, &str)]) -> Evidence {
    let signatures = by.iter().map(|(name, key)| key_signature(name, &pem(&format!("key{key}.pub"))));
    let mut evidence = evidence(Some("i"), Some("r.example/i"), signatures.collect());
    evidence.provenance = None;
    evidence
}

fn own<'a>(names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    names.iter().map(|name| (*name, *name)).collect()
}

fn decided(policy: &Policy, by: &[(&str, &str)]) -> Verdict {
    run(policy, &ad_hoc(), &signed(by), &able_host())
}

#[test]
fn a_required_signer_must_have_signed_whoever_else_did() {
    let policy = loaded(&text("{ all = [\"a\"], at-least = 1, of = [\"b\", \"c\"] }", ""));
    for (names, met) in [
        (&["a", "b"][..], true),
        (&["a", "c"], true),
        (&["a", "b", "c"], true),
        (&["a"], false),
        (&["b", "c"], false),
        (&["a", "d"], false),
        (&[], false),
    ] {
        let expected = if met { vec![] } else { vec![DenyCode::Quorum] };
        assert_eq!(codes(&decided(&policy, &own(names))), expected, "{names:?}");
    }
    let everybody = loaded(&text("{ all = [\"a\", \"b\"] }", ""));
    assert_eq!(codes(&decided(&everybody, &own(&["a", "b"]))), []);
    assert_eq!(codes(&decided(&everybody, &own(&["a", "c"]))), [DenyCode::Quorum]);
}

#[test]
fn a_denial_names_the_required_signer_who_has_not_signed() {
    let policy = loaded(&text("{ all = [\"a\"], at-least = 1, of = [\"b\", \"c\"] }", ""));
    let Verdict::Deny(denial) = decided(&policy, &own(&["b", "c"])) else { panic!("allowed") };
    let reason = denial.first().to_string();
    assert!(
        reason.contains("a and 1 of b, c to have signed") && reason.contains("only b, c, and not a"),
        "{reason}"
    );
}

#[test]
fn one_key_does_not_stand_for_a_required_signer_and_another() {
    let one_key = |quorum| text(quorum, "").replace("keyb.pub", "keya.pub");
    let beside = loaded(&one_key("{ all = [\"a\"], at-least = 1, of = [\"b\", \"c\"] }"));
    assert_eq!(codes(&decided(&beside, &[("a", "a"), ("b", "a")])), [DenyCode::Quorum]);
    assert_eq!(codes(&decided(&beside, &[("a", "a"), ("b", "a"), ("c", "c")])), []);
    let both = loaded(&one_key("{ all = [\"a\", \"b\"] }"));
    assert_eq!(codes(&decided(&both, &[("a", "a"), ("b", "a")])), [DenyCode::Quorum]);
}

#[test]
fn every_mistake_in_a_quorum_has_its_code_and_its_place() {
    for (quorum, code, place) in [
        ("{}", "PSR108", "{}"),
        ("{ at-least = 1 }", "PSR108", "{ at-least = 1 }"),
        ("{ of = [\"a\"] }", "PSR108", "{ of = [\"a\"] }"),
        ("{ all = [\"a\"], of = [\"b\"] }", "PSR108", "{ all = [\"a\"], of = [\"b\"] }"),
        ("{ all = [\"a\"], at-least = 1 }", "PSR108", "{ all = [\"a\"], at-least = 1 }"),
        ("{ all = [] }", "PSR110", "[]"),
        ("{ all = \"a\" }", "PSR109", "\"a\""),
        ("{ all = [\"a\", \"a\"] }", "PSR110", "\"a\""),
        ("{ all = [\"nobody\"] }", "PSR112", "[\"nobody\"]"),
        ("{ all = [\"nobody\"], at-least = 1, of = [\"b\"] }", "PSR112", "[\"nobody\"]"),
        ("{ all = [\"a\"], at-least = 1, of = [\"b\", \"a\"] }", "PSR110", "\"a\""),
        ("{ all = [\"a\"], at-least = 2, of = [\"b\"] }", "PSR118", "2"),
        ("{ all = [\"a\"], at-least = 0, of = [\"b\"] }", "PSR111", "0"),
        ("{ every = [\"a\"] }", "PSR107", "every"),
    ] {
        let text = text(quorum, "");
        let error = try_load(&[("policy.toml", &text)]).unwrap_err();
        let found = error.refusals().iter().any(|it| {
            it.code.as_str() == code && &text[it.span.start as usize..it.span.end as usize] == place
        });
        assert!(found, "{quorum}:\n{}", error.render(false));
    }
    assert_eq!(refused(&text("{ all = [\"a\"] }", "")), Vec::<&str>::new());
}

#[test]
fn files_compose_to_everybody_whom_one_of_them_requires() {
    let of = |files: &[&str]| {
        let files: Vec<_> = files.iter().map(|quorum| text(quorum, "")).collect();
        let files: Vec<_> = files.iter().map(|text| ("a.toml", text.as_str())).collect();
        required(&try_load(&files).unwrap())
    };
    let shown = |files: &[&str]| of(files).unwrap().quorum_text();
    let a = "{ all = [\"a\"], at-least = 1, of = [\"b\", \"c\"] }";
    let b = "{ all = [\"b\"], at-least = 1, of = [\"a\", \"c\"] }";
    let two = "{ at-least = 2, of = [\"a\", \"b\", \"c\"] }";
    assert_eq!(shown(&[a, two]), "a and 1 of b, c");
    assert_eq!(shown(&[two, a]), "a and 1 of b, c");
    assert_eq!(shown(&[a, b]), "a and b");
    assert_eq!(shown(&[a, "{ at-least = 3, of = [\"a\", \"b\", \"c\"] }"]), "a and 2 of b, c");
    assert_eq!(shown(&["{ all = [\"a\"] }", "{ at-least = 1, of = [\"a\", \"b\"] }"]), "a");
    // A signer whom one file requires and another does not know can never sign.
    let denial = of(&[a, "{ at-least = 2, of = [\"b\", \"c\"] }"]).unwrap_err();
    assert_eq!(denial.first().code, DenyCode::UnsatisfiableRule);
    assert!(denial.first().to_string().contains("a signature by a"), "{}", denial.first());
}

#[test]
fn a_signer_on_the_command_line_does_not_replace_a_required_one() {
    let identity = SignerIdentity::Key { pem: pem("keyb.pub"), root: None };
    let signer = Signer::new("command-line".parse().unwrap(), identity);
    let with = |quorum: &str| {
        let given = CommandLineSigner { signer: signer.clone(), log: LogRule::Optional };
        required(&loaded(&text(quorum, "")).with_command_line_signer(given))
    };
    let denial = with("{ all = [\"a\"], at-least = 1, of = [\"b\"] }").unwrap_err();
    assert_eq!(denial.first().code, DenyCode::UnsatisfiableRule);
    assert_eq!(with("{ all = [\"b\"] }").unwrap().quorum_text(), "b");
}

#[test]
fn a_trial_may_require_a_signer() {
    let rule = text("{ at-least = 1, of = [\"a\", \"b\"] }", "trial = { signed-by = { all = [\"a\"] } }");
    let asked = required(&loaded(&rule)).unwrap();
    assert_eq!(asked.quorum_text(), "1 of a, b");
    assert_eq!(asked.trial.unwrap().quorum_text(), "a");
}

#[test]
fn a_rule_without_required_signers_has_the_digest_that_it_had() {
    let asked = required(&loaded(&text("{ at-least = 1, of = [\"a\"] }", ""))).unwrap();
    assert!(serde_json::to_value(&asked).unwrap().get("required").is_none());
    let other = required(&loaded(&text("{ all = [\"a\"] }", ""))).unwrap();
    assert_ne!(asked.digest(), other.digest());
    let canonical = loaded(&text("{ all = [\"a\"], at-least = 1, of = [\"b\"] }", "")).to_canonical_json();
    for part in ["\"at-least\":2", "\"required\":[\"a\"]", "\"signers\":[\"a\",\"b\"]"] {
        assert!(canonical.contains(part), "{part} in {canonical}");
    }
}

#[test]
fn the_difference_of_two_policies_names_required_signers() {
    let between = |old: &str, new: &str| diff(&loaded(&text(old, "")), &loaded(&text(new, "")));
    let (any, must) =
        ("{ at-least = 1, of = [\"b\", \"c\"] }", "{ all = [\"a\"], at-least = 1, of = [\"b\", \"c\"] }");
    let tighter = between(any, must);
    assert_eq!(
        tighter.to_text(),
        "ad-hoc\n  - 2 signatures for i, before 1\n  - images of i without a signature of a\n"
    );
    assert!(!tighter.widens());
    let wider = between(must, any);
    assert!(wider.widens() && wider.to_text().contains("+ images of i without a signature of a"));
    // Somebody else's signature instead of one of two is another rule, not a tighter one.
    let other = between("{ at-least = 2, of = [\"b\", \"c\"] }", must);
    assert!(other.to_text().contains("+ a signature of a counts for i"), "{}", other.to_text());
}

/// A quorum over [`NAMES`]: who must, how many beside them, of whom.
type Asked = (BTreeSet<&'static str>, usize, BTreeSet<&'static str>);

fn asked() -> impl Strategy<Value = Asked> {
    (subsequence(NAMES.to_vec(), 1..=4), any::<[bool; 4]>(), 0_usize..4).prop_map(|(listed, must, count)| {
        let must = |name: &&str| must[NAMES.iter().position(|known| known == name).unwrap()];
        let (all, of): (BTreeSet<_>, BTreeSet<_>) = listed.into_iter().partition(must);
        let count = if all.is_empty() { count.max(1) } else { count };
        let count = count.min(of.len());
        (all, count, of)
    })
}

fn quorum((all, count, of): &Asked) -> String {
    let (all, of) = (Vec::from_iter(all), Vec::from_iter(of));
    let all = if all.is_empty() { String::new() } else { format!("all = {all:?}, ") };
    let of = if *count == 0 { String::new() } else { format!("at-least = {count}, of = {of:?}") };
    format!("{{ {} }}", format!("{all}{of}").trim_end_matches(", "))
}

/// What a quorum means, told naively.
fn satisfied((all, count, of): &Asked, signed: &BTreeSet<&'static str>) -> bool {
    all.is_subset(signed) && of.intersection(signed).count() >= *count
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn whoever_satisfies_composed_files_satisfies_each_of_them(one in asked(), two in asked()) {
        let texts = [text(&quorum(&one), ""), text(&quorum(&two), "")];
        let there = try_load(&[("x.toml", &texts[0]), ("y.toml", &texts[1])]).unwrap();
        let back = try_load(&[("y.toml", &texts[1]), ("x.toml", &texts[0])]).unwrap();
        prop_assert_eq!(there.to_canonical_json(), back.to_canonical_json());
        for at in 0_usize..16 {
            let by: Vec<_> = (0..4).filter(|bit| at >> bit & 1 == 1).map(|bit| NAMES[bit]).collect();
            let names: BTreeSet<_> = by.iter().copied().collect();
            let allowed = codes(&decided(&there, &own(&by))).is_empty();
            let each = satisfied(&one, &names) && satisfied(&two, &names);
            prop_assert!(!allowed || each, "{} and {}: {:?}", quorum(&one), quorum(&two), names);
            // Where both files know the same signers the meet asks for no more than both of them.
            let same = |(all, count, of): &Asked| if *count == 0 { all.clone() } else { all | of };
            if same(&one) == same(&two) {
                prop_assert_eq!(allowed, each, "{} and {}: {:?}", quorum(&one), quorum(&two), names);
            }
        }
    }
}
