//! A file that is not what it should be.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(1),
    slug: "malformed",
    title: "a file that is not what it should be",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("correct the file at the place that is shown"),
    cwe: &[20],
    cis: &[],
    page: include_str!("../../pages/PSB001.md"),
    checks: &[Check::Reading, Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    matches!(refused.refusal.code, RefusalCode::NotText | RefusalCode::Syntax | RefusalCode::RepeatedKey)
}
