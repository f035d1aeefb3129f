//! The processor architectures that profiles speak about.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A processor architecture, as seccomp sees it: a table of system call numbers and an audit value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Arch {
    /// 64-bit x86, without its 32-bit and x32 entries.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM, without its 32-bit entry.
    #[serde(rename = "aarch64")]
    Aarch64,
}

impl Arch {
    /// Every architecture, in the order in which they are serialised.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// Names the architecture that this program was built for, or nothing where profiles do not cover it.
    pub const fn host() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else {
            None
        }
    }

    /// Gives the name as `uname -m` and Rust's target triples write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Gives the `AUDIT_ARCH_*` value that the kernel puts into `seccomp_data.arch` (`linux/audit.h`).
    pub const fn audit_value(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::Aarch64 => 0xc000_00b7,
        }
    }

    /// Gives the name that the OCI runtime specification uses.
    pub const fn oci_name(self) -> &'static str {
        match self {
            Self::X86_64 => "SCMP_ARCH_X86_64",
            Self::Aarch64 => "SCMP_ARCH_AARCH64",
        }
    }

    /// Says whether a number enters the kernel by another ABI that shares this one's audit value.
    ///
    /// That is x32: bit 30 set on `x86_64`. Minus one is no such number: it is what a tracer writes to skip a call.
    pub const fn is_foreign_number(self, number: u32) -> bool {
        match self {
            Self::X86_64 => number >= X32_BIT && number != u32::MAX,
            Self::Aarch64 => false,
        }
    }
}

/// The bit that marks a system call of the x32 ABI (`__X32_SYSCALL_BIT`).
pub(crate) const X32_BIT: u32 = 0x4000_0000;

/// A name that is no architecture of ours.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown architecture `{0}`; use x86_64 or aarch64")]
pub struct UnknownArch(String);

impl FromStr for Arch {
    type Err = UnknownArch;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|arch| arch.name() == name);
        known.ok_or_else(|| UnknownArch(name.chars().take(32).collect()))
    }
}

impl std::fmt::Display for Arch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_is_not_an_x32_call() {
        assert!(Arch::X86_64.is_foreign_number(0x4000_0027));
        assert!(!Arch::X86_64.is_foreign_number(u32::MAX));
        assert!(!Arch::X86_64.is_foreign_number(39));
    }

    #[test]
    fn names_and_serialised_names_agree() {
        for arch in Arch::ALL {
            assert_eq!(serde_json::to_string(&arch).unwrap(), format!("\"{arch}\""));
        }
    }
}
