//! What can go wrong with long-running sandboxes.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::id::{SandboxId, SandboxName};
use super::record::SandboxStatus;
use crate::launch::LaunchError;

/// Why something was not done with a sandbox. What was half done is undone.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LifecycleError {
    /// Not a name.
    #[error(
        "`{0}` is not a sandbox's name: use 1 to 63 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit, and not the form of an id"
    )]
    BadName(String),
    /// Not labels.
    #[error("the labels have {0}: give fewer or shorter ones")]
    BadLabels(String),
    /// A text of the caller that is longer than a record may hold.
    #[error("the {what} has {found} bytes, more than {most}: give less")]
    TooLong {
        /// Which text.
        what: &'static str,
        /// How long it is.
        found: usize,
        /// How long it may be.
        most: usize,
    },
    /// Another sandbox has the name.
    #[error("the name `{name}` belongs to the sandbox {id}: choose another, or remove that one")]
    NameTaken {
        /// The name.
        name: SandboxName,
        /// Who has it.
        id: String,
    },
    /// No such sandbox.
    #[error(
        "there is no sandbox `{0}`: list them all, those that have ended too, and use an id or name of the list"
    )]
    NotFound(String),
    /// A part of an id that fits several.
    #[error("`{0}` is the beginning of several ids: give more of it")]
    Ambiguous(String),
    /// Somebody holds it.
    #[error(
        "the sandbox {id} is {status}, or is being started or removed: stop it first, or wait until that is done"
    )]
    Busy {
        /// Which.
        id: SandboxId,
        /// What its record says.
        status: SandboxStatus,
    },
    /// It has been started before.
    #[error(
        "the sandbox {id} has been started before and is {status}: ask to start it again, or create another"
    )]
    StartedBefore {
        /// Which.
        id: SandboxId,
        /// What its record says.
        status: SandboxStatus,
    },
    /// It does not run.
    #[error("the sandbox {id} is {status}, not running: start it first")]
    NotRunning {
        /// Which.
        id: SandboxId,
        /// What its record says.
        status: SandboxStatus,
    },
    /// The image is not the one that the sandbox was created for.
    #[error(
        "the sandbox {id} is of the image {created}, not of {given}: create another sandbox for that image"
    )]
    OtherImage {
        /// Which sandbox.
        id: SandboxId,
        /// The digest in its record.
        created: String,
        /// The digest that was given.
        given: String,
    },
    /// Programs join sandboxes whose processes this kernel runs, and by root where an engine has made them.
    #[error(
        "a program cannot join a sandbox of the backend `{backend}` under the same walls, nor check its health from inside: {why}; use the backend `native` for that"
    )]
    NotJoined {
        /// Whose sandbox it is.
        backend: String,
        /// Why not.
        why: &'static str,
    },
    /// Its processes are none of this kernel's, or did not do as they were told.
    #[error("the sandbox {id} is not {what}: {why}")]
    NotReached {
        /// Which.
        id: SandboxId,
        /// What was wanted.
        what: &'static str,
        /// Why it is not.
        why: String,
    },
    /// A plan that differs where it must not.
    #[error(
        "the sandbox {id} runs under another plan: {what}; a program that joins it may differ in arguments, variables, folder, streams, wall time and output only"
    )]
    OtherPlan {
        /// Which sandbox.
        id: SandboxId,
        /// What differs.
        what: &'static str,
    },
    /// A record that cannot be read.
    #[error("the record of the sandbox {id} cannot be used: {why}; remove it by force")]
    Damaged {
        /// Which.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// The folder of sandboxes cannot be used.
    #[error("cannot {what} `{}`: {source}; check the runtime folder, its owner and its room", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The supervisor could not be started, or died.
    #[error("cannot {what} the sandbox's supervisor: {source}; nothing of the sandbox is left running")]
    Supervisor {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The checks before a start failed.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// It did not start.
    #[error("{why}")]
    Failed {
        /// Which kind of failure.
        kind: FailureKind,
        /// A sentence of the kind that [`LaunchError`] has.
        why: String,
    },
    /// It did not end in time.
    #[error("the sandbox {0} has not ended in the time that was given: wait longer, or stop it")]
    StillRunning(SandboxId),
}

impl LifecycleError {
    /// Which kind it is, for the trail: without names or values of the request.
    pub(super) const fn kind(&self) -> &'static str {
        if matches!(self, Self::Supervisor { .. }) { "supervisor" } else { "lifecycle" }
    }
}

/// Which kind of failure a start ended in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FailureKind {
    /// The program is not in the image.
    ProgramNotFound,
    /// It is there and cannot be executed.
    ProgramNotExecutable,
    /// Anything else: the sentence says it.
    Other,
}
