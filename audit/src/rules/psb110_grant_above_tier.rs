//! A grant that the tier does not allow.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(110),
    slug: "grant-above-tier",
    title: "a grant that the tier does not allow",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("drop the grant, or allow it in the tier and in what the tier extends"),
    cwe: &[269],
    cis: &[],
    page: include_str!("../../pages/PSB110.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::Wider]) && !refused.is_at(&["tier"])
}
