//! A profile that allows what it does not name.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::CallAnswer;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(301),
    slug: "default-allow",
    title: "a profile that allows what it does not name",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "invert the profile: answer with an error by default, and list the calls that are needed",
    ),
    cwe: &[183],
    cis: &[],
    page: include_str!("../../pages/PSB301.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for default in profile.filters.iter().map(|filter| &filter.default) {
        if default.value == CallAnswer::Allow {
            let message =
                "every call that the profile does not name is allowed, those of the next kernel too";
            reporter
                .found(GRADE, &profile.target, default.place, "default", message)
                .label("allows by default");
        }
    }
}
