//! Tiers that extend each other.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(102),
    slug: "extends-cycle",
    title: "tiers that extend each other",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("take one of the names out of `extends`"),
    cwe: &[674],
    cis: &[],
    page: include_str!("../../pages/PSB102.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::Cycle])
}
