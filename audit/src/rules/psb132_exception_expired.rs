//! An exception whose last day is over.

use super::exceptions::exceptions;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Verdict).from_outside();

pub(super) static RULE: Rule = Rule {
    id: RuleId(132),
    slug: "exception-expired",
    title: "an exception whose last day is over",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the exception, or decide anew and say why"),
    cwe: &[1188],
    cis: &[],
    page: include_str!("../../pages/PSB132.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, until, place) in exceptions(policy) {
        if until < policy.today {
            let message =
                format!("the last day of this exception was {until}: it is written down and does nothing");
            reporter.found(GRADE, &target, place, until.to_string(), message).label("over");
        }
    }
}
