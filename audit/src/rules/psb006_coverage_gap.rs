//! A part that the audit cannot see.

use crate::grade::Grade;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

pub(super) static RULE: Rule = Rule {
    id: RuleId(6),
    slug: "coverage-gap",
    title: "a part that the audit cannot see",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "give the part that is missing, or accept the gap by name: `--allow-gaps`, or an ignore with a reason",
    ),
    cwe: &[1059],
    cis: &[],
    page: include_str!("../../pages/PSB006.md"),
    checks: &[Check::Reading],
};
