//! A baseline of another version.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(904),
    slug: "baseline-from-other-version",
    title: "a baseline of another version",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write it anew with `--write-baseline`, and review the difference"),
    cwe: &[1059],
    cis: &[],
    page: include_str!("../../pages/PSB904.md"),
    checks: &[Check::Reading],
};
