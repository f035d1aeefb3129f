//! An exception that does not end.

use super::exceptions::exceptions;
use crate::grade::Grade;
use crate::input::{PolicyFile, Refused};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_policy::RefusalCode;

pub(super) static RULE: Rule = Rule {
    id: RuleId(133),
    slug: "exception-forever",
    title: "an exception that does not end",
    grades: &[Grade::Refused],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("write a day within the next 180: `until = 2027-01-31`"),
    cwe: &[1188],
    cis: &[],
    page: include_str!("../../pages/PSB133.md"),
    checks: &[Check::Refusal(claims), Check::Policy(check)],
};

fn claims(refused: &Refused) -> bool {
    let is_missing = refused.is(&[RefusalCode::MissingKey]) && refused.refusal.message.contains("`until`");
    refused.is_at(&["exception"]) && (is_missing || refused.has("until"))
}

/// Half a year.
const MOST_DAYS: i64 = 180;

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, until, place) in exceptions(policy) {
        let days = policy.today.until(until).map_or(i64::MAX, |span| i64::from(span.get_days()));
        if days > MOST_DAYS {
            let message = format!("this exception holds for {days} more days, and {MOST_DAYS} are the most");
            reporter.found(Grade::Refused, &target, place, until.to_string(), message).label("too far away");
        }
    }
}
