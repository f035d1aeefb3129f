//! Kernel files that engines mask are open.

use crate::fix::{remove_item, remove_words};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, SecurityOpt};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(409),
    slug: "systempaths-off",
    title: "kernel files that engines mask are open",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Safe("delete the option"),
    cwe: &[668],
    cis: &[],
    page: include_str!("../../pages/PSB409.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for option in &launch.security {
        let SecurityOpt::OpenSystemPaths = &option.value else { continue };
        let message = format!("`{}` sees the kernel's files that engines mask", launch.target.name);
        let edits =
            remove_item(reporter.texts(), option.place).or_else(|| remove_words(launch, option.place));
        reporter
            .found(GRADE, &launch.target, option.place, "systempaths", message)
            .label("/proc and /sys are open")
            .safe_fix("take the option out", edits);
    }
}
