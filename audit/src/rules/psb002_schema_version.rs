//! A policy of an unknown version.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(2),
    slug: "schema-version",
    title: "a policy of an unknown version",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "write the schema that the policy was written for: `schema = \"perry-sandbox/policy/v1\"`",
    ),
    cwe: &[20],
    cis: &[],
    page: include_str!("../../pages/PSB002.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    matches!(refused.refusal.code, RefusalCode::Schema)
}
