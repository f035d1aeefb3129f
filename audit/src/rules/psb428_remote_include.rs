//! A definition that is fetched at run time.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(428),
    slug: "remote-include",
    title: "a definition that is fetched at run time",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("put a copy into the repository, and review it as code"),
    cwe: &[829],
    cis: &[],
    page: include_str!("../../pages/PSB428.md"),
    checks: &[Check::Reading],
};
