//! An identity that fits more than one workflow.

use super::identities::{subjects, trusted_subjects};
use crate::finding::Target;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::{PolicyFile, TrustFile};
use crate::place::Placed;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::trust::Subject;
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
    checks: &[Check::Policy(check), Check::Trust(check_trust)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    tell(subjects(policy), reporter);
}

fn check_trust(trust: &TrustFile, reporter: &mut Reporter<'_>) {
    tell(trusted_subjects(trust), reporter);
}

fn tell(subjects: Vec<(Target, Subject, Placed<String>)>, reporter: &mut Reporter<'_>) {
    for (target, subject, text) in subjects {
        // Everybody is another rule's.
        let Some(open) = subject.open_part().filter(|_| !subject.is_anybody()) else { continue };
        let message = format!("the identity `{}` fits more than one: {open}", shown(&text.value));
        reporter.found(GRADE, &target, text.place, text.value.as_str(), message).label(open);
    }
}
