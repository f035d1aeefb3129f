//! The network of the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, NamespaceMode};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(416),
    slug: "host-network",
    title: "the network of the host",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete it, and publish the ports that are meant"),
    cwe: &[668],
    cis: &["5.10"],
    page: include_str!("../../pages/PSB416.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    if let Some(mode) = launch.namespaces.network.as_ref().filter(|mode| mode.value == NamespaceMode::Host) {
        let message = format!("`{}` is in the network of the host", launch.target.name);
        reporter
            .found(GRADE, &launch.target, mode.place, "network host", message)
            .label("all interfaces, loopback too");
    }
}
