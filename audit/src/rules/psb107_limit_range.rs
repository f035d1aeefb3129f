//! A limit out of its range.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(107),
    slug: "limit-range",
    title: "a limit out of its range",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write a limit that the kernel can hold"),
    cwe: &[190, 770],
    cis: &[],
    page: include_str!("../../pages/PSB107.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::OutOfRange, RefusalCode::BadValue, RefusalCode::WrongType])
        && (refused.has("limits") || refused.has("args"))
}
