//! A namespace of the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, NamespaceMode};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const SEEN: Derivation = Derivation::of(Precondition::Technique, Reach::Host);
const SHARED: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(417),
    slug: "host-namespace",
    title: "a namespace of the host",
    grades: &[Grade::Derived(SEEN), Grade::Derived(SHARED)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete it"),
    cwe: &[668],
    cis: &["5.16", "5.17", "5.21", "5.31"],
    page: include_str!("../../pages/PSB417.md"),
    checks: &[Check::Launch(check)],
};

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for (name, mode) in launch.namespaces.said().filter(|(_, mode)| mode.value == NamespaceMode::Host) {
        let (grade, label) = match name {
            "network" => continue,
            "pid" => (SEEN, "sees and signals every process of the host"),
            "ipc" => (SEEN, "reads and writes the host's shared memory"),
            "user" => (SHARED, "its root is the host's root"),
            _ => (SHARED, "one wall less"),
        };
        let message = format!("`{}` is in the {name} namespace of the host", launch.target.name);
        reporter.found(grade, &launch.target, mode.place, name, message).label(label);
    }
}
