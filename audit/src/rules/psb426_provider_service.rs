//! A program of the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(426),
    slug: "provider-service",
    title: "a program of the host",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("remove the provider, and run what it makes as a service"),
    cwe: &[829],
    cis: &[],
    page: include_str!("../../pages/PSB426.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if let Some(provider) = &launch.provider {
        let message = format!(
            "`{}` runs the program `{}` on the host at `up`",
            launch.target.name,
            shown(&provider.value)
        );
        reporter
            .found(GRADE, &launch.target, provider.place, provider.value.clone(), message)
            .label("no container around it");
    }
}
