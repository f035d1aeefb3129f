//! A profile that only watches.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::CallAnswer;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(313),
    slug: "log-only",
    title: "a profile that only watches",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "answer with an error by default: the lines that it has logged say which calls to list",
    ),
    cwe: &[693],
    cis: &[],
    page: include_str!("../../pages/PSB313.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for default in profile.filters.iter().map(|filter| &filter.default) {
        let message = match default.value {
            CallAnswer::Log => {
                "calls that are not named go through, and leave a line in a log that drops lines"
            }
            CallAnswer::Trace => {
                "calls that are not named are left to a tracer, and to nobody where there is none"
            }
            _ => continue,
        };
        reporter.found(GRADE, &profile.target, default.place, "default", message).label("enforces nothing");
    }
}
