//! A namespace of another container.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, NamespaceMode};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::OtherSandboxes);

pub(super) static RULE: Rule = Rule {
    id: RuleId(418),
    slug: "joined-namespace",
    title: "a namespace of another container",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("let the two talk over a network, or make them one service"),
    cwe: &[668],
    cis: &[],
    page: include_str!("../../pages/PSB418.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for (name, mode) in launch.namespaces.said() {
        let NamespaceMode::Joined(other) = &mode.value else { continue };
        let other = shown(other);
        let message = format!("`{}` is in the {name} namespace of `{other}`", launch.target.name);
        let evidence = format!("{name} {other}");
        reporter
            .found(GRADE, &launch.target, mode.place, evidence, message)
            .label("no wall of this kind between the two");
    }
}
