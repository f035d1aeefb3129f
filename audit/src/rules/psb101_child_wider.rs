//! A tier that allows more than what it extends.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(101),
    slug: "child-wider",
    title: "a tier that allows more than what it extends",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("lower the value to the parent's, or extend another tier"),
    cwe: &[269],
    cis: &[],
    page: include_str!("../../pages/PSB101.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::Wider]) && refused.is_at(&["tier"])
}
