//! A seccomp profile wider than what the tier extends.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(316),
    slug: "wider-than-tier",
    title: "a seccomp profile wider than what the tier extends",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "name the parent's profile or a tighter one, or leave the key out: then the parent's holds",
    ),
    cwe: &[269],
    cis: &[],
    page: include_str!("../../pages/PSB316.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::Wider]) && refused.is_at(&["tier", "*", "seccomp"])
}
