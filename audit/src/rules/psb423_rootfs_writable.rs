//! A writable root file system.

use crate::finding::Edit;
use crate::fix::{add_key, add_words};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(423),
    slug: "rootfs-writable",
    title: "a writable root file system",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Unsafe("add `read_only: true`, and `tmpfs` where the program writes"),
    cwe: &[732],
    cis: &["5.12"],
    page: include_str!("../../pages/PSB423.md"),
    checks: &[Check::Launch(check)],
};

const BREAKS: &str =
    "a program that writes outside of its volumes fails until that place is a volume or `tmpfs`";

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if !launch.is_container() || launch.read_only.as_ref().is_some_and(|said| said.value) {
        return;
    }
    let place = launch.read_only.as_ref().map_or(launch.place, |said| said.place);
    let message = format!("`{}` can write its own root file system", launch.target.name);
    let texts = reporter.texts();
    let edits = match &launch.read_only {
        Some(said) if texts.at(said.place) == "false" => {
            Some(vec![Edit { place: said.place, text: "true".to_owned() }])
        }
        Some(_) => None,
        None => add_key(texts, launch, "read_only: true", &[]).or_else(|| add_words(launch, "--read-only")),
    };
    reporter.found(GRADE, &launch.target, place, "read_only", message).label("writable").unsafe_fix(
        "make the root read-only",
        BREAKS,
        edits,
    );
}
