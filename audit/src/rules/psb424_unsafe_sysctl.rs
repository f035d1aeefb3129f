//! A kernel setting that is not the container's own.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Launch, NamespaceMode};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const GRADE: Derivation = Derivation::of(Precondition::MitigationMissing, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(424),
    slug: "unsafe-sysctl",
    title: "a kernel setting that is not the container's own",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("remove the setting; where the host needs it, set it there"),
    cwe: &[668],
    cis: &[],
    page: include_str!("../../pages/PSB424.md"),
    checks: &[Check::Launch(check)],
};

/// Settings that the kernel keeps for each namespace.
const OWN: [&str; 12] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
    "kernel.hostname",
    "kernel.domainname",
    "fs.mqueue.",
    "net.",
];

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    let host_network =
        launch.namespaces.network.as_ref().is_some_and(|mode| mode.value == NamespaceMode::Host);
    for setting in &launch.sysctls {
        let name = setting.value.split('=').next().unwrap_or_default().trim().replace('/', ".");
        let own = OWN.iter().any(|own| if own.ends_with('.') { name.starts_with(own) } else { name == *own });
        if own && !(host_network && name.starts_with("net.")) {
            continue;
        }
        let message = format!("`{}` sets `{}`, which is the host's", launch.target.name, shown(&name));
        reporter
            .found(GRADE, &launch.target, setting.place, name, message)
            .label("not kept apart by a namespace");
    }
}
