//! A device of the host.

use crate::grade::{Derivation, Grade, Precondition, Reach};
use crate::launch::{Device, Launch};
use crate::rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
use perry_sandbox_compose::shown;

const DISK: Derivation = Derivation::of(Precondition::SupportedCall, Reach::Host);
const OTHER: Derivation = Derivation::of(Precondition::Technique, Reach::Host);

pub(super) static RULE: Rule = Rule {
    id: RuleId(420),
    slug: "host-device",
    title: "a device of the host",
    grades: &[Grade::Derived(DISK), Grade::Derived(OTHER)],
    persona: Persona::Everyone,
    remedy: Remedy::ByHand("remove the device"),
    cwe: &[668],
    cis: &["5.18"],
    page: include_str!("../../pages/PSB420.md"),
    checks: &[Check::Launch(check)],
};

/// Devices that are the host's memory and disks.
const HOSTS: [&str; 12] = [
    "/dev/mem",
    "/dev/kmem",
    "/dev/port",
    "/dev/sd",
    "/dev/nvme",
    "/dev/vd",
    "/dev/xvd",
    "/dev/dm-",
    "/dev/mapper",
    "/dev/loop",
    "/dev/md",
    "/dev/disk",
];

/// Devices that every container has.
const EVERYBODYS: [&str; 6] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

fn check(launch: &Launch, reporter: &mut Reporter<'_>) {
    for device in &launch.devices {
        let placed = device.placed();
        let text = placed.value.trim();
        let is_hosts = match device {
            Device::Path(_) => HOSTS.iter().any(|known| text.starts_with(known)) || text == "/dev",
            Device::Rule(_) => text.starts_with(['a', 'b']),
            Device::Request(_) => false,
        };
        if matches!(device, Device::Path(_)) && EVERYBODYS.contains(&text) {
            continue;
        }
        let (grade, label) = if is_hosts {
            (DISK, "the host's disk or memory itself")
        } else {
            (OTHER, "the driver behind it is the kernel's")
        };
        let what = match device {
            Device::Path(_) => "the device",
            Device::Request(_) => "devices of the kind",
            Device::Rule(_) => "devices by the rule",
        };
        let message = format!("`{}` gets {what} `{}`", launch.target.name, shown(text));
        reporter.found(grade, &launch.target, placed.place, text, message).label(label);
    }
}
