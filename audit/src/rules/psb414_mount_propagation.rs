//! Mounts that travel back to the host.

use crate::grade::{Derivation, Grade, Loss, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host).only(Loss::Integrity);

pub(super) static RULE: Rule = Rule {
    id: RuleId(414),
    slug: "mount-propagation",
    title: "mounts that travel back to the host",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("leave the propagation out, or write `rprivate`"),
    cwe: &[668],
    cis: &["5.19"],
    page: include_str!("../../pages/PSB414.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for mode in launch.mounts.iter().filter_map(|mount| mount.propagation.as_ref()) {
        if matches!(mode.value.as_str(), "shared" | "rshared") {
            let message = format!("what `{}` mounts there appears on the host", launch.target.name);
            reporter
                .found(GRADE, &launch.target, mode.place, mode.value.clone(), message)
                .label("mounts travel both ways");
        }
    }
}
