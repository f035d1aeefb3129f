//! A file that is too large to be read.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(4),
    slug: "over-budget",
    title: "a file that is too large to be read",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("split the file, or take out the repetitions"),
    cwe: &[400, 776],
    cis: &[],
    page: include_str!("../../pages/PSB004.md"),
    checks: &[Check::Reading, Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    matches!(refused.refusal.code, RefusalCode::TooLarge | RefusalCode::TooComplex)
}
