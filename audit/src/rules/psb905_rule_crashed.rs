//! A rule that failed.

use crate::grade::Grade;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

pub(super) static RULE: Rule = Rule {
    id: RuleId(905),
    slug: "rule-crashed",
    title: "a rule that failed",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("report the file, or a small part of it, as a defect of the auditor"),
    cwe: &[703],
    cis: &[],
    page: include_str!("../../pages/PSB905.md"),
    checks: &[Check::Reading],
};
