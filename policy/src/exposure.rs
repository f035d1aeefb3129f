//! How much a tier leaves open, as one number from 0 to 10. It compares tiers and shows which way a change goes; it is no
//! gate, and no decision reads it.

use std::fmt;

use perry_sandbox_profiles::{Arch, Syscall};
use serde::{Serialize, Serializer};

use crate::ceiling::{Ceiling, UserRule};
use crate::isolation::IsolationLevel;
use crate::pattern::HostPattern;
use crate::plan::{MemoryEnforcement, RootfsMode};

/// The whole of a control.
const WHOLE: u32 = 1000;

/// The weighted share of what is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exposure(u32);

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A hundred weights of a thousand each are 10.0.
        let tenths = self.0.saturating_add(500).div_euclid(1000);
        write!(f, "{}.{}", tenths.div_euclid(10), tenths.rem_euclid(10))
    }
}

impl Serialize for Exposure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Ceiling {
    /// How much this ceiling leaves open, at the weakest that it accepts.
    ///
    /// INVARIANT: it never rises when a field is tightened. Namespaces, no new privileges, a signer and bounded limits
    /// have weights too, and are closed in every ceiling.
    pub fn exposure(&self) -> Exposure {
        let grants = &self.grants;
        let changes = !grants.mounts_write.is_empty() || !grants.mounts_exec.is_empty();
        let weighted = [
            (12, self.isolation.accept.value.iter().map(|level| wall(*level)).max().unwrap_or(0)),
            (12, some(&[(!grants.mounts_read.is_empty(), 300), (changes, 700)])),
            (12, each(grants.linux_caps.len(), 200)),
            (10, self.calls()),
            (8, grants.egress.iter().map(|(pattern, _)| reach(&pattern.host)).max().unwrap_or(0)),
            (6, some(&[(self.user.value == UserRule::Any, WHOLE)])),
            (6, some(&[(self.memory_enforcement.value == MemoryEnforcement::Watched, WHOLE.div_euclid(6))])),
            (4, some(&[(self.rootfs.value == RootfsMode::Ephemeral, WHOLE)])),
            (4, each(grants.devices.len(), 500)),
            (3, each(grants.secrets.len().saturating_add(grants.env.len()), 250)),
        ];
        Exposure(weighted.iter().map(|(weight, share)| u32::saturating_mul(*weight, *share)).sum())
    }

    /// The share of all calls that the profile admits, on the architecture where it admits most.
    fn calls(&self) -> u32 {
        let share = |arch: Arch| {
            let all = Syscall::all().filter(|call| call.number(arch).is_some()).count();
            let admitted = u32::try_from(self.seccomp.value.call_count(arch)).unwrap_or(u32::MAX);
            let all = u32::try_from(all).unwrap_or(u32::MAX);
            admitted.saturating_mul(WHOLE).checked_div(all).unwrap_or(WHOLE).min(WHOLE)
        };
        [Arch::X86_64, Arch::Aarch64].into_iter().map(share).max().unwrap_or(WHOLE)
    }
}

/// What a wall leaves to whoever gets through the filter.
const fn wall(level: IsolationLevel) -> u32 {
    match level {
        IsolationLevel::Oci => WHOLE,
        IsolationLevel::Gvisor => 400,
        IsolationLevel::Microvm | IsolationLevel::Wasm => 100,
    }
}

/// How far a host pattern reaches.
const fn reach(host: &HostPattern) -> u32 {
    match host {
        HostPattern::Any => WHOLE,
        HostPattern::Below(_) => 600,
        HostPattern::Exact(_) => 400,
    }
}

fn some(parts: &[(bool, u32)]) -> u32 {
    parts.iter().filter(|(open, _)| *open).map(|(_, share)| share).sum()
}

fn each(count: usize, share: u32) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX).saturating_mul(share).min(WHOLE)
}
