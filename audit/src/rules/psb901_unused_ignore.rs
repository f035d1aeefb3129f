//! An ignore that ignores nothing.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(901),
    slug: "unused-ignore",
    title: "an ignore that ignores nothing",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the entry"),
    cwe: &[1164],
    cis: &[],
    page: include_str!("../../pages/PSB901.md"),
    checks: &[Check::Reading],
};
