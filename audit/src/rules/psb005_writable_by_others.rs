//! A file that others can change.

use crate::grade::Grade;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};

pub(super) static RULE: Rule = Rule {
    id: RuleId(5),
    slug: "writable-by-others",
    title: "a file that others can change",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "take the right to write from others: `chmod go-w`, and let the owner be you or root",
    ),
    cwe: &[732],
    cis: &[],
    page: include_str!("../../pages/PSB005.md"),
    checks: &[Check::Reading],
};
