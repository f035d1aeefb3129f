//! A preference that is not accepted.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(105),
    slug: "prefers-unaccepted",
    title: "a preference that is not accepted",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("let `prefer` list accepted levels only, the weakest of them included"),
    cwe: &[1164],
    cis: &[],
    page: include_str!("../../pages/PSB105.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::UnknownName, RefusalCode::BadValue])
        && refused.is_at(&["tier", "*", "isolation", "prefer"])
}
