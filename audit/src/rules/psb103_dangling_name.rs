//! A name that stands for nothing.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(103),
    slug: "dangling-name",
    title: "a name that stands for nothing",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write the name of an entry that there is"),
    cwe: &[20],
    cis: &[],
    page: include_str!("../../pages/PSB103.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::UnknownName]) && !refused.has("prefer")
}
