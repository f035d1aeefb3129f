//! A hook with more than its service has.

use super::shared::is_root;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);
const ROOT: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(402),
    slug: "hook-privileged",
    title: "a hook with all privileges, or as root",
    grades: &[Grade::Derived(GRADE), Grade::Derived(ROOT)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand(
        "delete `privileged` and `user` from the hook, or let the service itself have the one thing that the hook needs",
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
    // A service that is root itself, or may be, is another rule's.
    if launch.user.as_ref().is_none_or(|user| is_root(&user.value)) {
        return;
    }
    for user in launch.hooks.iter().filter_map(|hook| hook.user.as_ref()).filter(|user| is_root(&user.value))
    {
        let message = format!("a hook of `{}` runs as root, which the service does not", launch.target.name);
        reporter
            .found(ROOT, &launch.target, user.place, "hook root", message)
            .label("among files that the service can write");
    }
}
