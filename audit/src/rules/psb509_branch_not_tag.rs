//! An identity that ends in a branch.

use super::identities::NamedSubject;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(509),
    slug: "branch-not-tag",
    title: "an identity that ends in a branch",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "let the release's tag sign: `@refs/tags/v*`; or ask for provenance that names the source's ref",
    ),
    cwe: &[345],
    cis: &[],
    page: include_str!("../../pages/PSB509.md"),
    checks: &[Check::Identity(check)],
};

fn check(named: &NamedSubject, reporter: &mut Reporter<'_>) {
    let Some(branch) = named.subject.branch() else { return };
    let message = format!("whoever may push to the branch `{}` signs", shown(branch));
    let text = &named.text;
    reporter.found(GRADE, &named.target, text.place, text.value.as_str(), message).label("a branch moves");
}
