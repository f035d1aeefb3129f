//! A tier under which nothing can run.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(104),
    slug: "empty-isolation",
    title: "a tier under which nothing can run",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "name a level in `isolation.accept`, extend tiers that have one in common, or delete the tier",
    ),
    cwe: &[1164],
    cis: &[],
    page: include_str!("../../pages/PSB104.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    let says_none =
        refused.is(&[RefusalCode::BadValue]) && refused.is_at(&["tier", "*", "isolation", "accept"]);
    let nothing_in_common = refused.is(&[RefusalCode::Unsatisfiable]) && refused.is_at(&["tier"]);
    let unstated = refused.is(&[RefusalCode::MissingKey]) && refused.is_at(&["tier"]);
    says_none || nothing_in_common || unstated && refused.refusal.message.contains("isolation.accept")
}
