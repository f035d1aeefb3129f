//! A device of the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::input::PolicyFile;
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};

const GRADE: Derivation = Derivation::of(Precondition::SecondFlaw, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(214),
    slug: "device-grant",
    title: "a device of the host",
    grades: &[Grade::Derived(GRADE)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("take the device out; what needs it runs under an entry of its own"),
    cwe: &[250],
    cis: &[],
    page: include_str!("../../pages/PSB214.md"),
    checks: &[Check::Policy(check)],
};

fn check(policy: &PolicyFile, reporter: &mut Reporter<'_>) {
    for (target, device) in policy.grants(&["devices"]) {
        let label = match device.value.as_str() {
            "/dev/kvm" => "makes virtual machines in the host's kernel",
            "/dev/fuse" => "serves file systems to the host's kernel",
            "/dev/net/tun" => "makes network interfaces",
            path if is_block(path) => "the host's files without their owners",
            _ => "a driver of the host's kernel",
        };
        let message = format!("`{}` gets the device `{}`", target.name, device.value);
        reporter.found(GRADE, &target, device.place, device.value, message).label(label);
    }
}

/// Whether a name is that of a disk.
fn is_block(path: &str) -> bool {
    const DISKS: [&str; 8] = ["sd", "hd", "vd", "xvd", "nvme", "dm-", "loop", "mapper/"];
    path.strip_prefix("/dev/").is_some_and(|name| DISKS.iter().any(|disk| name.starts_with(disk)))
}
