//! How a run ended.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal. A limit that was hit shows as SIGKILL, and as [`Outcome::limit`](crate::Outcome).
    Killed(i32),
}

/// A limit that ended the run, or that a program ran into before it failed: a refused process, byte or file ends nobody,
/// and is named only where the program did not end with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// Memory of the whole sandbox.
    Memory,
    /// Processor time.
    Cpu,
    /// Time from start to kill.
    Wall,
    /// Bytes of output.
    Output,
    /// Processes and threads.
    Pids,
    /// Bytes or files that can be written, or the size of one file.
    Disk,
    /// Open files of one process.
    OpenFiles,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Output => "output",
            Self::Pids => "pids",
            Self::Disk => "disk",
            Self::OpenFiles => "open-files",
        })
    }
}

/// How the peak of memory was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measured {
    /// Counted by the kernel for the whole sandbox.
    Cgroup,
    /// Summed every 25 ms by the supervisor; a short peak can be missed.
    Sampled,
    /// The largest single process, from its exit; at least what its caller had, of which it is a copy at first.
    LargestProcess,
    /// Not at all: the engine does not say. Peak and processor time are 0.
    Unknown,
}

/// What a run used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Usage {
    /// From start to end.
    pub wall: Duration,
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// The most memory at once, in bytes.
    pub peak_memory: u64,
    /// How that was found.
    pub peak_measured: Measured,
}
