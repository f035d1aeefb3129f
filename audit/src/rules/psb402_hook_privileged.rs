//! A hook with all privileges.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(402),
    slug: "hook-privileged",
    title: "a hook with all privileges",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "delete `privileged` from the hook, or let the service itself have the one thing that the hook needs",
    ),
    cwe: &[250],
    cis: &["5.5"],
    page: include_str!("../../pages/PSB402.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for said in launch.hooks.iter().filter_map(|hook| hook.privileged.as_ref()).filter(|said| said.value) {
        let message = format!("a hook of `{}` runs with all privileges of the host", launch.target.name);
        reporter
            .found(GRADE, &launch.target, said.place, "hook privileged", message)
            .label("every wall is off for it");
    }
}
