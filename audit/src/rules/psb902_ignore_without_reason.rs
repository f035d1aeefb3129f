//! An ignore without a reason.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(902),
    slug: "ignore-without-reason",
    title: "an ignore without a reason",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("say why the finding is accepted"),
    cwe: &[1059],
    cis: &[],
    page: include_str!("../../pages/PSB902.md"),
    checks: &[Check::Reading],
};
