//! A Linux cap that reaches the host.

use super::shared::cap_name;
use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::Launch;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const TAKEOVER: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);
const REACH: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(404),
    slug: "cap-add-host",
    title: "a Linux cap that reaches the host",
    grades: &[Grade::Derived(TAKEOVER), Grade::Derived(REACH)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("delete the Linux cap"),
    cwe: &[250],
    cis: &["5.3"],
    page: include_str!("../../pages/PSB404.md"),
    checks: &[Check::Launch(check)],
};

/// Whoever has one of these has the host: each alone loads code into the kernel, or opens every file.
const TAKES_OVER: [&str; 6] = ["SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF", "SYS_BOOT"];

/// These change or read what is the host's, and help with the rest.
const REACHES: [&str; 10] = [
    "SYS_PTRACE",
    "NET_ADMIN",
    "SYS_TIME",
    "SYSLOG",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "AUDIT_CONTROL",
    "PERFMON",
    "CHECKPOINT_RESTORE",
    "SYS_RESOURCE",
];

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for cap in &launch.cap_add {
        let name = cap_name(&cap.value);
        let (grade, label) = if TAKES_OVER.contains(&name.as_str()) {
            (TAKEOVER, "whoever has it has the host")
        } else if REACHES.contains(&name.as_str()) {
            (REACH, "reaches beyond the container")
        } else {
            continue;
        };
        let message = format!("`{}` gets the Linux cap {name}", launch.target.name);
        reporter.found(grade, &launch.target, cap.place, name, message).label(label);
    }
}
