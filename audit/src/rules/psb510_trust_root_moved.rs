//! A pinned file that has changed.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(510),
    slug: "trust-root-moved",
    title: "a pinned file that has changed",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "find out who changed the file and why, and pin the new digest in a reviewed change",
    ),
    cwe: &[345, 353],
    cis: &[],
    page: include_str!("../../pages/PSB510.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    refused.is(&[RefusalCode::File])
        && refused.has("sha256")
        && (refused.is_at(&["trust-root"]) || refused.is_at(&["seccomp"]))
}
