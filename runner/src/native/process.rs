//! Which process a number stands for: process ids are used again, a number with its start time is not.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process of this host that can be told from a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    /// Its process id in our pid namespace.
    pub(crate) pid: u32,
    /// When it started, in clock ticks since the boot: field 22 of `/proc/PID/stat`, see proc(5).
    pub(crate) start: u64,
}

impl Process {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything; fields are counted behind it.
        let (_, fields) = status.rsplit_once(')')?;
        Some(Self { pid, start: fields.split_whitespace().nth(19)?.parse().ok()? })
    }

    /// Whether it still exists: alive, or dead and not collected yet.
    pub(crate) fn exists(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Whether it exists and is not dead: one that nobody has collected yet does not count.
    pub(crate) fn is_alive(self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        let state = status.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().next());
        self.exists() && !matches!(state, None | Some("Z" | "X"))
    }

    /// Whether it is process 1 of a pid namespace below ours.
    pub(crate) fn is_first(self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        numbers.len() > 1 && numbers.last() == Some(&"1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_used_again_is_another_process() {
        let own = Process::of(std::process::id()).unwrap();
        assert!(own.exists() && !own.is_first());
        assert!(!Process { start: own.start - 1, ..own }.exists());
    }
}
