//! Mounts of another container.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(415),
    slug: "volumes-from",
    title: "mounts of another container",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("name the volumes that are meant"),
    cwe: &[668],
    cis: &[],
    page: include_str!("../../pages/PSB415.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for from in &launch.volumes_from {
        let message = format!("`{}` gets all mounts of `{}`", launch.target.name, shown(&from.value));
        reporter
            .found(GRADE, &launch.target, from.place, from.value.clone(), message)
            .label("whatever that one mounts, now and later");
    }
}
