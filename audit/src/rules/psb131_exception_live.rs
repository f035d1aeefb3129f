//! An exception that holds.

use super::exceptions::exceptions;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Verdict);

pub(super) static RULE: Rule = Rule {
    id: RuleId(131),
    slug: "exception-live",
    title: "an exception that holds",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("end what it is for, and delete it"),
    cwe: &[1188],
    cis: &[],
    page: include_str!("../../pages/PSB131.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, until, place) in exceptions(policy) {
        if until >= policy.today {
            let message = format!("until {until}, this tier accepts a weaker isolation level on one host");
            reporter.found(GRADE, &target, place, until.to_string(), message).label("holds until then");
        }
    }
}
