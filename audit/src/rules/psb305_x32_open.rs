//! A deny list that x32 walks past.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::Arches;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(305),
    slug: "x32-open",
    title: "a deny list that x32 walks past",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "test the bit first, and refuse what has it; or let the filter's other answer be a refusal",
    ),
    cwe: &[693],
    cis: &[],
    page: include_str!("../../pages/PSB305.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for filter in &profile.filters {
        let numbers_only = matches!(filter.arches, Arches::NumbersOnly);
        let blocks = filter.rules.iter().any(|rule| !rule.answer.lets_through());
        if numbers_only && blocks && filter.default.value.lets_through() {
            let message =
                "each call that is forbidden here has a second number on x86_64, which goes through";
            let place = filter.default.place;
            reporter
                .found(GRADE, &profile.target, place, "x32", message)
                .label("also lets x32 calls through");
        }
    }
}
