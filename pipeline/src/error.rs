//! Why a wish does not become an outcome, apart from a "no" of policy or verifier, which is an answer.

use std::path::PathBuf;

use perry_sandbox_image::{
    CredentialError, ImageNameError, ReadError, ResolveError, StoreError, UnpackError,
};
use perry_sandbox_policy::{CapabilityName, LoadError, NameError};
use perry_sandbox_reference::{Digest, Reference, ReferenceError, Repository};
use perry_sandbox_runner::{
    Backends, DeviceError, FailureKind, LaunchError, LifecycleError, PlanError, RecordError, RunError,
    SandboxId, SecretError, TrailError,
};
use thiserror::Error;

use crate::environment::EnvironmentError;
use crate::files::FileError;
use crate::mounts::SourceError;
use crate::recording::RecordingError;

/// What kind of failure it is: consumers turn it into an exit code or a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What was asked, or a file that was named, cannot be used.
    Usage,
    /// The policy, or the lack of one, forbids it.
    Denied,
    /// Content is not what its digest names.
    NotVerified,
    /// No backend here gives what is demanded.
    NotAvailable,
    /// The program is not in the image.
    ProgramNotFound,
    /// The program is there and cannot be executed.
    ProgramNotExecutable,
    /// What was named is not there.
    NotFound,
    /// What was named is not in a state for it: the name is taken, the sandbox runs, or does not.
    Conflict,
    /// A registry did not give what it was asked for.
    Registry,
    /// The system, a file or we ourselves are in the way.
    Failure,
}

/// Why a wish stops.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The environment names no usable folders.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A file cannot be read, or others could have written it.
    #[error(transparent)]
    File(#[from] FileError),
    /// The policy does not load.
    #[error("{}", .0.render(false))]
    Policy(Box<LoadError>),
    /// Another policy than the demanded one would decide.
    #[error("the policy {wanted} is demanded, but what would decide is {found}")]
    OtherPolicy {
        /// What the caller demands.
        wanted: Digest,
        /// What there is.
        found: String,
    },
    /// Neither policy nor signer.
    #[error(
        "denied: there is no policy and no signer, so nothing may run; say who must have signed, or name a policy"
    )]
    NoPolicy,
    /// Nobody says who must have signed.
    #[error("say who must have signed: a key, a certificate's identity with its issuer, or a policy")]
    NoSigner,
    /// The policy has no rule for the image.
    #[error("denied: {reasons}")]
    NoRule {
        /// The policy's reasons.
        reasons: String,
    },
    /// Not a capability of the policy.
    #[error("`{word}` is not a capability of the policy: {known}; {remedy}")]
    UnknownCapability {
        /// What was asked for.
        word: String,
        /// What the policy has.
        known: String,
        /// What to write instead.
        remedy: String,
    },
    /// The capability's image is not named.
    #[error("capability `{0}` has no image rule: name one in the policy")]
    NoImageRule(CapabilityName),
    /// The capability's image is not one.
    #[error(
        "the policy pins several digests for `{name}`: choose one by naming the image as {repository}@sha256:…"
    )]
    SeveralDigests {
        /// The capability.
        name: CapabilityName,
        /// Its image's repository.
        repository: Repository,
    },
    /// A bundle beside an image that has its signatures with it.
    #[error(
        "a bundle can be named beside a docker archive only, and `{0}` is none: its signatures are looked for where it is; attach the bundle there (`cosign attach`, `oras attach`)"
    )]
    BundleBeside(String),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not the name of an image.
    #[error(transparent)]
    ImageName(#[from] ImageNameError),
    /// Not an image reference.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A signer that cannot be used.
    #[error("{0}")]
    Signer(String),
    /// The store does not have it and the registry may not be asked.
    #[error(
        "the store has no {0}, and its registry may not be asked (pull: never): pull the image first, or let the registry be asked"
    )]
    NotStored(Reference),
    /// A mount would show what decides about runs.
    #[error("denied: the mount {mount} would show {}, which decides about runs: mount a folder beside it", .own.display())]
    OwnFolder {
        /// The mount.
        mount: String,
        /// What it would show.
        own: PathBuf,
    },
    /// A build would read what decides about runs.
    #[error(
        "denied: a build from {} would read {}, which has the keys of this machine: build from a folder beside it",
        .context.display(),
        .own.display()
    )]
    OwnContext {
        /// The folder that would be read.
        context: PathBuf,
        /// What is in it.
        own: PathBuf,
    },
    /// Something of the host that cannot be mounted.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The pinned backend is not here.
    #[error(
        "there is no backend `{0}`: this version has {names}; `perry-sandbox backends` shows what each enforces here",
        names = Backends::names().collect::<Vec<_>>().join(", ")
    )]
    NoBackend(String),
    /// The backend that is asked for is not alive.
    #[error("the backend `{name}` cannot be used here: {why}{}", remedy.as_deref().map(|text| format!("; {text}")).unwrap_or_default())]
    DeadBackend {
        /// Which.
        name: String,
        /// What was found.
        why: String,
        /// What would help.
        remedy: Option<String>,
    },
    /// docker's credential file.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// Content could not be read, or is not what it should be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A manifest is refused.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The store cannot be used, or content in it is refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The trail cannot be written.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// The sandbox did not start.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// The secrets that are supplied are not those that the plan gives, or one cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// A recording of system calls.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// A long-running sandbox.
    #[error(transparent)]
    Sandbox(#[from] LifecycleError),
    /// A sandbox whose request cannot be used.
    #[error("the request of the sandbox cannot be used: {0}; remove the sandbox and create another")]
    Kept(String),
    /// A program to join a sandbox, of no words.
    #[error("there is no command to run: name a program and its arguments")]
    NoCommand,
    /// Something else than what the sandbox was created from is there by now.
    #[error(
        "the sandbox was created from the image {created}, but {found} is there by now: create another sandbox"
    )]
    ImageReplaced {
        /// What the name stood for.
        created: Digest,
        /// What is there.
        found: Digest,
    },
    /// The policy would allow something else by now than what runs.
    #[error(
        "the policy or the image changed since the sandbox {id} was started: stop it and start it again ({why})"
    )]
    Changed {
        /// Which.
        id: SandboxId,
        /// What differs.
        why: Box<PipelineError>,
    },
}

impl From<LoadError> for PipelineError {
    fn from(error: LoadError) -> Self {
        Self::Policy(Box::new(error))
    }
}

impl PipelineError {
    /// What kind of failure it is.
    pub fn class(&self) -> Class {
        match self {
            Self::File(_)
            | Self::Policy(_)
            | Self::NoSigner
            | Self::SeveralDigests { .. }
            | Self::BundleBeside(_)
            | Self::Name(_)
            | Self::ImageName(_)
            | Self::Reference(_)
            | Self::Signer(_)
            | Self::Environment(EnvironmentError::Mode(_))
            | Self::NoCommand => Class::Usage,
            Self::OtherPolicy { .. }
            | Self::NoPolicy
            | Self::NoRule { .. }
            | Self::UnknownCapability { .. }
            | Self::NoImageRule(_)
            | Self::OwnFolder { .. }
            | Self::OwnContext { .. } => Class::Denied,
            Self::Source(error) => of_source(error),
            Self::NoBackend(_) | Self::DeadBackend { .. } => Class::NotAvailable,
            Self::NotStored(_) => Class::NotFound,
            Self::Credentials(_) | Self::Trail(_) | Self::Environment(_) | Self::Kept(_) => Class::Failure,
            Self::ImageReplaced { .. } => Class::NotVerified,
            Self::Changed { .. } => Class::Conflict,
            Self::Read(error) => Class::of_read(error),
            Self::Resolve(error) => Class::of_resolve(error),
            Self::Store(error) => Class::of_store(error),
            Self::Secrets(error) => of_secrets(error),
            Self::Recording(error) => of_recording(error),
            Self::Launch(error) => of_launch(error),
            Self::Sandbox(error) => of_lifecycle(error),
        }
    }
}

impl Class {
    /// What kind of failure it is that content could not be read.
    pub fn of_read(error: &ReadError) -> Self {
        match error {
            _ if error.is_content_fault() => Self::NotVerified,
            ReadError::NotFound { .. } => Self::NotFound,
            ReadError::Io { .. } => Self::Failure,
            ReadError::Denied { .. }
            | ReadError::Status { .. }
            | ReadError::Transport { .. }
            | ReadError::TooLarge { .. }
            | ReadError::Digest { .. }
            | ReadError::Size { .. }
            | ReadError::Malformed { .. }
            | ReadError::Unsafe { .. }
            | _ => Self::Registry,
        }
    }

    /// What kind of failure it is that an image could not be resolved.
    pub fn of_resolve(error: &ResolveError) -> Self {
        match error {
            ResolveError::Read(error) => Self::of_read(error),
            ResolveError::NotFound { .. } | ResolveError::Platform { .. } => Self::NotFound,
            ResolveError::Manifest(_)
            | ResolveError::Config(_)
            | ResolveError::Nested { .. }
            | ResolveError::ChildSize { .. }
            | ResolveError::NotAnImage { .. }
            | _ => Self::NotVerified,
        }
    }

    /// What kind of failure the store's is.
    pub fn of_store(error: &StoreError) -> Self {
        match error {
            StoreError::Read(error) => Self::of_read(error),
            StoreError::Resolve(error) => Self::of_resolve(error),
            StoreError::Unpack(error) => of_unpack(error),
            StoreError::Missing { .. } => Self::NotFound,
            StoreError::Io { .. }
            | StoreError::NotOwn { .. }
            | StoreError::Busy { .. }
            | StoreError::Record { .. }
            | _ => Self::Failure,
        }
    }
}

/// Everything that a layer is refused for; only what the disk or the network did is our failure.
fn of_unpack(error: &UnpackError) -> Class {
    match error {
        UnpackError::Read(error) => Class::of_read(error),
        UnpackError::Io { .. } | UnpackError::Stopped => Class::Failure,
        UnpackError::Entry { .. }
        | UnpackError::Archive { .. }
        | UnpackError::Limit { .. }
        | UnpackError::DiffId { .. }
        | UnpackError::MediaType { .. }
        | UnpackError::MountPoint { .. }
        | _ => Class::NotVerified,
    }
}

const fn of_source(error: &SourceError) -> Class {
    match error {
        SourceError::Missing(_) | SourceError::Link { .. } => Class::Usage,
        SourceError::Special(_) => Class::Denied,
        SourceError::SingleFile { .. } => Class::NotAvailable,
        SourceError::Unreadable { .. } => Class::Failure,
    }
}

const fn of_secrets(error: &SecretError) -> Class {
    if matches!(error, SecretError::NotGranted(_)) { Class::Denied } else { Class::Usage }
}

fn of_recording(error: &RecordingError) -> Class {
    match error {
        RecordingError::Runs(_) | RecordingError::Merge(_) => Class::Usage,
        RecordingError::Profile(_) => Class::Failure,
        RecordingError::Changed => Class::Conflict,
    }
}

fn of_launch(error: &LaunchError) -> Class {
    match error {
        LaunchError::Secrets(error) => of_secrets(error),
        LaunchError::Run(RunError::ProgramNotFound(_)) => Class::ProgramNotFound,
        LaunchError::Run(RunError::ProgramNotExecutable { .. }) => Class::ProgramNotExecutable,
        LaunchError::Plan(PlanError::Device(DeviceError::Never { .. }))
        | LaunchError::Record(RecordError::Untrusted) => Class::Denied,
        LaunchError::Record(_) | LaunchError::Plan(_) | LaunchError::NoBackend => Class::NotAvailable,
        LaunchError::OtherImage { .. } | LaunchError::Run(_) | LaunchError::Trail(_) | _ => Class::Failure,
    }
}

fn of_lifecycle(error: &LifecycleError) -> Class {
    match error {
        LifecycleError::BadName(_)
        | LifecycleError::BadLabels(_)
        | LifecycleError::TooLong { .. }
        | LifecycleError::Ambiguous(_) => Class::Usage,
        LifecycleError::NotFound(_) => Class::NotFound,
        LifecycleError::NameTaken { .. }
        | LifecycleError::Busy { .. }
        | LifecycleError::StartedBefore { .. }
        | LifecycleError::NotRunning { .. }
        | LifecycleError::OtherImage { .. }
        | LifecycleError::OtherPlan { .. }
        | LifecycleError::StillRunning(_) => Class::Conflict,
        LifecycleError::NotJoined { .. } | LifecycleError::NotReached { .. } => Class::NotAvailable,
        LifecycleError::Launch(error) => of_launch(error),
        LifecycleError::Failed { kind: FailureKind::ProgramNotFound, .. } => Class::ProgramNotFound,
        LifecycleError::Failed { kind: FailureKind::ProgramNotExecutable, .. } => Class::ProgramNotExecutable,
        LifecycleError::Failed { .. }
        | LifecycleError::Damaged { .. }
        | LifecycleError::Io { .. }
        | LifecycleError::Supervisor { .. }
        | _ => Class::Failure,
    }
}
