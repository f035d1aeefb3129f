//! A call that no recording has seen.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::ProfileFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use crate::seccomp::Evidence;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(314),
    slug: "wider-than-recorded",
    title: "a call that no recording has seen",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "take the calls out with `perry-sandbox profile narrow`, or record a run that makes them",
    ),
    cwe: &[272],
    cis: &[],
    page: include_str!("../../pages/PSB314.md"),
    checks: &[Check::Profile(check)],
};

fn check(profile: &ProfileFile, reporter: &mut Reporter<'_>) {
    for rule in profile.filters.iter().flat_map(|filter| &filter.rules) {
        if rule.evidence != Evidence::Unseen || !rule.answer.lets_through() {
            continue;
        }
        for name in &rule.names {
            let message = format!("`{}` is admitted, and no run that was recorded made it", name.value);
            reporter
                .found(GRADE, &profile.target, name.place, name.value.as_str(), message)
                .label("never seen");
        }
    }
}
