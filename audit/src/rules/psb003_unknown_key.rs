//! A key that nothing reads.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(3),
    slug: "unknown-key",
    title: "a key that nothing reads",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write the key as it is known"),
    cwe: &[20],
    cis: &[],
    page: include_str!("../../pages/PSB003.md"),
    checks: &[Check::Reading, Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    matches!(refused.refusal.code, RefusalCode::UnknownKey)
}
