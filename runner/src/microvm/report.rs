//! What the helper answers when the machine is gone.

use serde::{Deserialize, Serialize};

use crate::outcome::{End, Limit};

/// How a machine ended, as one JSON message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct VmReport {
    /// How the program ended; nothing where it did not run, or nobody knows.
    pub(crate) end: Option<End>,
    /// The limit that ended it, or that it ran into before it failed.
    pub(crate) limit: Option<Limit>,
    /// Why there is no end.
    pub(crate) failure: Option<VmFailure>,
    /// Bytes of output that were passed on.
    pub(crate) output: u64,
    /// Milliseconds from the program's start to its end.
    pub(crate) wall: u64,
    /// Milliseconds from the helper's order to the program's start.
    pub(crate) boot: u64,
    /// Microseconds of processor time in user mode.
    pub(crate) user: u64,
    /// Microseconds of processor time in the guest's kernel.
    pub(crate) system: u64,
    /// The most memory that the program had, as the guest's cgroup says; 0: unknown.
    pub(crate) peak_memory: u64,
}

/// Why a program did not run to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct VmFailure {
    /// Whose it is.
    pub(crate) kind: FailureKind,
    /// What happened, in words.
    pub(crate) why: String,
}

/// Whose failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailureKind {
    /// The order cannot be carried out.
    Order,
    /// The image does not fit into the guest's memory.
    Image,
    /// The monitor did not start, or ended by itself.
    Monitor,
    /// The guest did not come up, or does not speak as it should.
    Guest,
    /// A step of the set-up in the guest.
    Setup,
    /// The program is not in the image.
    NotFound,
    /// The program is there and cannot be executed.
    NotExecutable,
    /// What the program wrote cannot be passed on.
    Output,
}

impl VmReport {
    /// Nothing ran.
    pub(crate) fn failed(kind: FailureKind, why: &dyn ToString) -> Self {
        Self { failure: Some(VmFailure { kind, why: why.to_string() }), ..Self::default() }
    }
}
