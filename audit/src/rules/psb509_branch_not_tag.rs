//! An identity that ends in a branch.

use super::identities::{subjects, trusted_subjects};
use crate::finding::Target;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::{PolicyFile, TrustFile};
use crate::place::Placed;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::trust::Subject;
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
        let Some(branch) = subject.branch() else { continue };
        let message = format!("whoever may push to the branch `{}` signs", shown(branch));
        reporter.found(GRADE, &target, text.place, text.value.as_str(), message).label("a branch moves");
    }
}
