//! The root of the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(411),
    slug: "host-root-mount",
    title: "the root of the host",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("mount only the folder that is needed"),
    cwe: &[668],
    cis: &["5.6"],
    page: include_str!("../../pages/PSB411.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for host in launch.mounts.iter().filter_map(|mount| mount.host.as_ref()).filter(|host| host.value == "/")
    {
        let message = format!("`{}` gets the root of the host's files", launch.target.name);
        reporter.found(GRADE, &launch.target, host.place, "/", message).label("every file of the host");
    }
}
