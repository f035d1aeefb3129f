//! A tier without a limit.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(106),
    slug: "unstated-limit",
    title: "a tier without a limit",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("say every limit, or extend a tier that does, such as the built-in `default`"),
    cwe: &[770],
    cis: &[],
    page: include_str!("../../pages/PSB106.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::MissingKey])
        && refused.is_at(&["tier"])
        && refused.refusal.message.contains("limits.")
}
