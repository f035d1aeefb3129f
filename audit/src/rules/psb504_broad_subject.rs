//! An identity that fits more than one workflow.

use super::identities::NamedSubject;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(504),
    slug: "broad-subject",
    title: "an identity that fits more than one workflow",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "write out owner, repository and workflow, and let a star stand in the tag only: `@refs/tags/v*`",
    ),
    cwe: &[290, 185],
    cis: &[],
    page: include_str!("../../pages/PSB504.md"),
    checks: &[Check::Identity(check)],
};

fn check(named: &NamedSubject, reporter: &mut Reporter<'_>) {
    let NamedSubject { target, subject, text } = named;
    // Everybody is another rule's.
    let Some(open) = subject.open_part().filter(|_| !subject.is_anybody()) else { return };
    let message = format!("the identity `{}` fits more than one: {open}", shown(&text.value));
    reporter.found(GRADE, target, text.place, text.value.as_str(), message).label(open);
}
