//! No seccomp filter.

use crate::fix::{remove_item, remove_words};
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, SeccompChoice, SecurityOpt};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(407),
    slug: "seccomp-off",
    title: "no seccomp filter",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::Safe("delete the option: the engine's own filter is then on"),
    cwe: &[693],
    cis: &["5.21"],
    page: include_str!("../../pages/PSB407.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for option in &launch.security {
        let SecurityOpt::Seccomp(SeccompChoice::Unconfined) = &option.value else { continue };
        let message = format!("`{}` runs without a seccomp filter", launch.target.name);
        let edits =
            remove_item(reporter.texts(), option.place).or_else(|| remove_words(launch, option.place));
        reporter
            .found(GRADE, &launch.target, option.place, "seccomp unconfined", message)
            .label("every system call is open")
            .safe_fix("take the option out", edits);
    }
}
