//! A file outside of the project, by a link.

use crate::grade::Grade;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

pub(super) static RULE: Rule = Rule {
    id: RuleId(7),
    slug: "symlink-outside",
    title: "a file outside of the project, by a link",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("copy the file into the project"),
    cwe: &[61],
    cis: &[],
    page: include_str!("../../pages/PSB007.md"),
    checks: &[Check::Reading],
};
