//! No log.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::ThisSandbox);

pub(super) static RULE: Rule = Rule {
    id: RuleId(436),
    slug: "logging-off",
    title: "no log",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("use a log driver that keeps what is written"),
    cwe: &[778],
    cis: &[],
    page: include_str!("../../pages/PSB436.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if let Some(driver) = launch.log_driver.as_ref().filter(|driver| driver.value == "none") {
        let message = format!("nobody keeps what `{}` writes", launch.target.name);
        reporter
            .found(GRADE, &launch.target, driver.place, "log driver none", message)
            .label("everything is thrown away");
    }
}
