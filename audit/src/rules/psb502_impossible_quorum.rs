//! A quorum that nobody can satisfy, or anybody.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(502),
    slug: "impossible-quorum",
    title: "a quorum that nobody can satisfy, or anybody",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("let `at-least` be from 1 to the number of signers in `of`, each listed once"),
    cwe: &[693],
    cis: &[],
    page: include_str!("../../pages/PSB502.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    let codes = [
        RefusalCode::OutOfRange,
        RefusalCode::Unsatisfiable,
        RefusalCode::BadValue,
        RefusalCode::MissingKey,
        RefusalCode::WrongType,
    ];
    refused.is(&codes) && refused.is_at(&["image"]) && refused.has("signed-by")
}
