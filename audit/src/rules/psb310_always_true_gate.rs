//! A condition that every kernel meets.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(310),
    slug: "always-true-gate",
    title: "a condition that every kernel meets",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the condition, so that the rule says what it does, or delete the rule"),
    cwe: &[571],
    cis: &[],
    page: include_str!("../../pages/PSB310.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for rule in profile.filters.iter().flat_map(|filter| &filter.rules) {
        let gate = rule.gate.min_kernel.as_ref().filter(|gate| gate.value.is_always_met());
        if let (Some(gate), true) = (gate, rule.answer.lets_through()) {
            let calls = rule.names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(" ");
            let message =
                "every kernel that is still mended meets this condition: these calls are simply admitted";
            reporter.found(GRADE, &profile.target, gate.place, calls, message).label("always true");
        }
    }
}
