//! Why a sandbox did not run, and what the user can do.

use std::io;

use perry_sandbox_image::StoreError;
use thiserror::Error;

use super::ground::RootError;
use super::spec::{Spec, SpecError};
use super::start::StartError;
use super::steps::Step;
use super::sys::Errno;
use crate::backends::ToolError;
use crate::backends::stock::StockError;
use crate::project::ProjectError;
use crate::publish::PublishError;
use crate::secret::SecretError;

/// Why a sandbox did not run. Nothing of it is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The settings cannot be carried out.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The image's tree cannot be a root.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The process could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A step of the set-up failed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The program is not in the image.
    #[error("`{0}` was not found in the image: check the command, and `PATH` if it has no slash")]
    ProgramNotFound(String),
    /// The program is there and cannot be executed.
    #[error("`{program}` of the image cannot be executed: {errno}")]
    ProgramNotExecutable {
        /// What was to be run.
        program: String,
        /// What the kernel said.
        errno: String,
    },
    /// Secrets and plan do not fit.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// Limits could not be set up.
    #[error("cannot make the cgroup that holds the limits: {0}")]
    Limits(#[source] io::Error),
    /// The folder of live sandboxes cannot be written.
    #[error("cannot record the sandbox in the folder of live sandboxes: {0}; check the runtime folder")]
    Live(#[source] io::Error),
    /// A sandbox of a runner that was killed could not be ended.
    #[error("nothing new is started: {0}")]
    StillRunning(String),
    /// What the program wrote cannot be passed on; the sandbox was killed.
    #[error("cannot write the program's output to {stream}, so it was killed: {source}")]
    Output {
        /// Standard output or standard error.
        stream: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// An engine or runtime of the host failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A network or volume of the project cannot be used.
    #[error(transparent)]
    Project(#[from] StockError),
    /// Nobody would remove the sandbox if this process were killed.
    #[error("cannot start the process that guards the sandbox: {0}")]
    Guard(#[source] io::Error),
    /// A process of ours that runs the program did not.
    #[error("the process that runs the program failed: {0}")]
    Helper(#[source] io::Error),
    /// The image cannot be handed to the engine.
    #[error("the engine cannot be given the image: {0}")]
    Store(#[from] StoreError),
    /// Calls could not be answered any more.
    #[error("the recorder failed, and calls of the program with it: {0}")]
    Recorder(#[source] io::Error),
    /// It could not be reached as the plan says.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The supervisor failed; the sandbox was killed.
    #[error("lost touch with the sandbox, so it was killed: {0}")]
    Supervision(#[source] io::Error),
}

/// A step of the set-up that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot set up the sandbox: step {number}, {step}: {errno}{remedy}")]
pub struct SetupError {
    number: u32,
    step: String,
    errno: String,
    remedy: &'static str,
}

impl From<ProjectError> for RunError {
    fn from(error: ProjectError) -> Self {
        Self::Project(error.into())
    }
}

impl RunError {
    /// Which kind it is, for the trail: without names or values of the request.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Spec(_) => "spec",
            Self::Root(_) => "root",
            Self::Start(_) => "start",
            Self::Setup(_) => "setup",
            Self::ProgramNotFound(_) => "program-not-found",
            Self::ProgramNotExecutable { .. } => "program-not-executable",
            Self::Secrets(_) => "secrets",
            Self::Limits(_) => "limits",
            Self::Live(_) => "live",
            Self::StillRunning(_) => "still-running",
            Self::Output { .. } => "output",
            Self::Tool(_) => "engine",
            Self::Project(_) => "project",
            Self::Guard(_) => "guard",
            Self::Helper(_) => "helper",
            Self::Store(_) => "image",
            Self::Recorder(_) => "recorder",
            Self::Publish(_) => "publish",
            Self::Supervision(_) => "supervision",
        }
    }
}

/// What the user can do where a host folder cannot be opened.
pub(super) fn remedy_of_folder(errno: Errno) -> &'static str {
    match errno.0 {
        libc::ELOOP => "; there is a symbolic link on the way: name the real path",
        libc::ENOENT => "; it is not there, and is not made: make it first",
        libc::EACCES => "; you may not enter a folder on the way",
        _ => "",
    }
}

/// What a failed step means.
pub(super) fn setup_error(spec: &Spec, number: u32, errno: Errno) -> RunError {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    let program = || spec.argv.first().map(ToString::to_string).unwrap_or_default();
    match (spec.steps.get(index), errno.0) {
        (Some(Step::CheckProgram { .. }), libc::EACCES) => RunError::ProgramNotExecutable {
            program: program(),
            errno: "it, its interpreter or its loader cannot be read, is relative, or lies in /proc, where programs of the host could be reached".to_owned(),
        },
        (Some(Step::Execute { .. }), libc::ENOENT) => RunError::ProgramNotFound(program()),
        (Some(Step::Execute { .. }), _) => {
            RunError::ProgramNotExecutable { program: program(), errno: errno.to_string() }
        }
        (step, _) => SetupError {
            number,
            step: step.map_or_else(|| "an unknown step".to_owned(), ToString::to_string),
            errno: errno.to_string(),
            remedy: step.map_or("", |step| remedy(step, errno)),
        }
        .into(),
    }
}

/// What the user can do about a refused step.
fn remedy(step: &Step, errno: Errno) -> &'static str {
    match (step, errno.0) {
        (Step::NewFilesystem { kind, .. }, libc::EPERM) if kind.to_string() == "proc" => {
            "; this happens inside a container whose own /proc is masked: allow it an unmasked /proc, or run on the host"
        }
        (Step::NewFilesystem { kind, .. }, _) if kind.to_string() == "overlay" => {
            "; overlayfs in a user namespace needs Linux 5.11, and a store that is not itself on stacked overlays"
        }
        (Step::WorkingFolder { .. }, libc::ENOENT | libc::ENOTDIR) => {
            "; the image has no such folder: choose another working folder"
        }
        (Step::WorkingFolder { .. }, libc::EACCES) => {
            "; the sandbox's user may not enter that folder: choose another working folder"
        }
        (Step::WorkingFolder { .. }, libc::EXDEV | libc::ELOOP) => {
            "; it leads out of the image, into /proc or to another mount, where descriptors of the host could be reached: choose another working folder"
        }
        (Step::OpenHost { .. }, libc::ELOOP | libc::ENOENT | libc::EACCES) => remedy_of_folder(errno),
        (Step::Pivot, libc::EINVAL) => {
            "; the host's root is an initial RAM disk, which cannot be left: run from a real root file system"
        }
        (Step::AwaitIds | Step::AwaitRelease | Step::Terminal | Step::DieWithParent, libc::ECANCELED) => {
            "; the runner stopped while the sandbox started"
        }
        (Step::Confine { .. }, libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL) => {
            "; a program joins a sandbox with a writable root only under a kernel with Landlock (Linux 5.19, `lsm=landlock`)"
        }
        (_, libc::ENOSYS) => "; this kernel is too old: Linux 5.12 or newer is needed",
        _ => "",
    }
}
