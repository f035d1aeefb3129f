//! A service that the policy would not run.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Verdict).from_outside();

pub(super) static RULE: Rule = Rule {
    id: RuleId(439),
    slug: "weaker-than-policy",
    title: "a service that the policy would not run",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "follow the policy, or let its owner add what the service needs: `perry-compose plan --explain` says what that is",
    ),
    cwe: &[693],
    cis: &[],
    page: include_str!("../../pages/PSB439.md"),
    checks: &[Check::Verdict],
};
