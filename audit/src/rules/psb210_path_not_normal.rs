//! A folder whose path is not normal.

use crate::grade::Grade;
use crate::input::Refused;
use crate::rule::{Check, Persona, Remedy, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(210),
    slug: "path-not-normal",
    title: "a folder whose path is not normal",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write the absolute path as it is: `/srv/data`"),
    cwe: &[22, 41],
    cis: &[],
    page: include_str!("../../pages/PSB210.md"),
    checks: &[Check::Refusal(claims)],
};

fn claims(refused: &Refused) -> bool {
    let is_normal = refused
        .text
        .strip_prefix('/')
        .is_some_and(|rest| rest.is_empty() || rest.split('/').all(|part| !matches!(part, "" | "." | "..")));
    refused.is(&[RefusalCode::BadValue]) && (refused.has("mounts") || refused.has("devices")) && !is_normal
}
