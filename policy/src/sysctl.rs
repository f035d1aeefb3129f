//! Settings of the kernel that belong to the sandbox's own network and ipc namespaces, and to nobody else.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::refusal::shown;

/// The most of shared memory: where a cgroup counts, the memory limit counts it all the same.
const MEMORY: u64 = 1 << 40;
/// The most of messages that wait, in bytes: a few times what the kernel gives anyway. A limit that is only watched does not see
/// them.
const MESSAGES: u64 = 65_536;

/// What may be set, and to what: a range for each number of a setting.
///
/// SECURITY: every one of them is looked up by the kernel in the namespace of whoever asks, takes no privilege to be obeyed, and
/// leads nowhere. Those of `fs.mqueue` are none: a sandbox has no message queues of that kind (`RLIMIT_MSGQUEUE` is 0).
const KNOWN: [(&str, &[RangeInclusive<u64>]); 20] = [
    ("kernel.msgmax", &[1..=MESSAGES]),
    ("kernel.msgmnb", &[1..=MESSAGES]),
    ("kernel.msgmni", &[1..=32_000]),
    ("kernel.sem", &[1..=65_536, 1..=1 << 20, 1..=1_000, 1..=32_000]),
    ("kernel.shm_rmid_forced", &[0..=1]),
    ("kernel.shmall", &[1..=MEMORY >> 12]),
    ("kernel.shmmax", &[1..=MEMORY]),
    ("kernel.shmmni", &[1..=32_768]),
    ("net.core.somaxconn", &[1..=65_535]),
    ("net.ipv4.ip_local_port_range", &[1_024..=65_535, 1_024..=65_535]),
    ("net.ipv4.ip_unprivileged_port_start", &[0..=65_535]),
    ("net.ipv4.tcp_fin_timeout", &[1..=3_600]),
    ("net.ipv4.tcp_keepalive_intvl", &[1..=32_767]),
    ("net.ipv4.tcp_keepalive_probes", &[1..=127]),
    ("net.ipv4.tcp_keepalive_time", &[1..=32_767]),
    ("net.ipv4.tcp_max_syn_backlog", &[1..=65_535]),
    ("net.ipv4.tcp_syn_retries", &[1..=127]),
    ("net.ipv4.tcp_synack_retries", &[0..=255]),
    ("net.ipv4.tcp_syncookies", &[0..=2]),
    ("net.ipv4.tcp_tw_reuse", &[0..=2]),
];

/// Why some text is not a setting with its value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SysctlError {
    /// It is not one that can be set.
    #[error("`{0}` is not a setting of a sandbox's own: expected one of {names}", names = names())]
    Unknown(String),
    /// It cannot be set to that.
    #[error("`{value}` is not a value of `{name}`: expected {wanted}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What is written.
        value: String,
        /// What its numbers may be.
        wanted: String,
    },
}

fn names() -> String {
    KNOWN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// The name of one that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Name(&'static str);

/// A setting with its value, written `name=value`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sysctl {
    name: Name,
    numbers: Vec<u64>,
}

impl Sysctl {
    /// Its name, with dots.
    pub const fn name(&self) -> &'static str {
        self.name.0
    }

    /// Its value, as the kernel reads it.
    pub fn value(&self) -> String {
        self.numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

impl FromStr for Sysctl {
    type Err = SysctlError;

    fn from_str(text: &str) -> Result<Self, SysctlError> {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let known = KNOWN.iter().find(|(known, _)| *known == name);
        let (name, ranges) = known.ok_or_else(|| SysctlError::Unknown(shown(name)))?;
        let numbers: Option<Vec<u64>> = value.split_whitespace().map(|number| number.parse().ok()).collect();
        let fits = |numbers: &Vec<u64>| {
            let mut each = numbers.iter().zip(*ranges);
            numbers.len() == ranges.len() && each.all(|(number, range)| range.contains(number))
        };
        numbers.filter(fits).map(|numbers| Self { name: Name(name), numbers }).ok_or_else(|| {
            let each = ranges.iter().map(|range| format!("{} to {}", range.start(), range.end()));
            let wanted = each.collect::<Vec<_>>().join(", then ");
            SysctlError::Value { name, value: shown(value), wanted }
        })
    }
}

impl fmt::Display for Sysctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name(), self.value())
    }
}

impl TryFrom<String> for Sysctl {
    type Error = SysctlError;

    fn try_from(text: String) -> Result<Self, SysctlError> {
        text.parse()
    }
}

impl From<Sysctl> for String {
    fn from(sysctl: Sysctl) -> Self {
        sysctl.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_the_sandboxs_own_is_set_and_within_bounds() {
        assert!(KNOWN.is_sorted_by_key(|(name, _)| *name));
        for text in ["net.core.somaxconn=1024", "kernel.sem=250 32000 100 128", "kernel.shmmax=1099511627776"]
        {
            assert_eq!(text.parse::<Sysctl>().unwrap().to_string(), text);
        }
        let spaced = "net.ipv4.ip_local_port_range=1024\t65535".parse::<Sysctl>().unwrap();
        assert_eq!(spaced.value(), "1024 65535");
        for text in [
            "net.ipv4.ip_forward=1",
            "net.ipv4.conf.all.route_localnet=1",
            "net.ipv6.conf.all.disable_ipv6=0",
            "kernel.core_pattern=|/x",
            "kernel.shm_next_id=1",
            "fs.mqueue.msg_max=10",
            "vm.overcommit_memory=1",
            "net/core/somaxconn=9",
            "net.core.somaxconn",
            "net.core.somaxconn=",
            "net.core.somaxconn=0",
            "net.core.somaxconn=65536",
            "net.core.somaxconn=9 9",
            "net.core.somaxconn=-1",
            "kernel.sem=250 32000 100",
            "kernel.shmmax=18446744073709551616",
        ] {
            assert!(text.parse::<Sysctl>().is_err(), "{text}");
        }
    }
}
