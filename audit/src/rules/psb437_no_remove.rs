//! A container that stays behind.

use crate::fix::add_words;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(437),
    slug: "no-remove",
    title: "a container that stays behind",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Safe("add `--rm`"),
    cwe: &[459],
    cis: &[],
    page: include_str!("../../pages/PSB437.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if launch.removed == Some(false) {
        let message = format!("what `{}` leaves behind stays on the host", launch.target.name);
        reporter
            .found(GRADE, &launch.target, launch.place, "rm", message)
            .label("says nothing of removal")
            .safe_fix("remove the container when it has ended", add_words(launch, "--rm"));
    }
}
