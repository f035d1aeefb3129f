//! An ignore that has run out.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(903),
    slug: "ignore-expired",
    title: "an ignore that has run out",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("end what it was for, or decide anew and set another day"),
    cwe: &[1059],
    cis: &[],
    page: include_str!("../../pages/PSB903.md"),
    checks: &[Check::Reading],
};
