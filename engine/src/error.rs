use std::io;
use std::path::PathBuf;

use perry_sandbox_pipeline::PipelineError;
use perry_sandbox_pipeline::stock::StockError;
use thiserror::Error;

/// Why one step was not taken: what was tried, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StepError {
    /// Policy or verifier say no by now.
    #[error("{0}")]
    Refused(String),
    /// What is allowed is not what was planned.
    #[error(
        "{name} would run under the plan {found}, and {wanted} was planned: its policy, image or signature has changed meanwhile; run the command again"
    )]
    Changed {
        /// The replica.
        name: String,
        /// The plan that was planned.
        wanted: String,
        /// The plan by now.
        found: String,
    },
    /// What was waited for will not come.
    #[error("{service} {found}, and it had to {wanted}{hint}")]
    Condition {
        /// The service.
        service: String,
        /// What was waited for.
        wanted: &'static str,
        /// What was found.
        found: String,
        /// What can be done.
        hint: String,
    },
    /// Somebody has asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// Somebody was asked for it and did not answer, or not to the end: it may be done, or be done yet. In their words.
    #[error("{0}")]
    Unanswered(String),
    /// Anything else, in the words of whoever failed.
    #[error("{0}")]
    Failed(String),
}

/// Something that could not be undone, or not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
    /// Whether it can stay so.
    pub state: LeftState,
}

/// In which state something is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftState {
    /// A sandbox that ran before does not run: it stays as it is, and is started again by whoever wants it.
    Stopped,
    /// Something is there, or gone, that should not be.
    Wrong,
}

/// Why a project is not up.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {cause}", .step.as_deref().unwrap_or("tidying up"))]
pub struct UpError {
    /// The step that failed, in words; nothing: what goes in the end.
    pub step: Option<String>,
    /// Why.
    pub cause: StepError,
    /// What could not be undone.
    pub left: Vec<Left>,
    /// How far each unit came, in the order of [`Desired::units`](crate::Desired::units), where what is up was to be kept;
    /// else nothing.
    pub reached: Vec<Reached>,
}

/// How far a unit came in a run in which not all came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reached {
    /// It was started, or is there as before; its sandbox.
    Up(String),
    /// It did not come up, because of this; what there was of it before is there again.
    Failed(String),
    /// It was not tried, because of this.
    NotTried(String),
}

/// Why nothing was begun.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A folder or file of ours.
    #[error("cannot {what} `{path}`: {source}", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No name of a project.
    #[error("`{0}` is no project's name: expected a-z, 0-9, `_` and `-`, a letter or digit first")]
    Name(String),
    /// Another run has the project.
    #[error("the project `{project}` is being worked on by {holder}: wait until that has ended")]
    Busy {
        /// The project.
        project: String,
        /// Who has it.
        holder: String,
    },
    /// A run was killed.
    #[error(
        "the last run of `{project}` did not come to its end: undo what it had begun by `perry-compose -p {project} recover`"
    )]
    Unfinished {
        /// The project.
        project: String,
    },
    /// A journal that cannot be read.
    #[error("the journal `{path}` is damaged in line {line}: look what is left by `perry-compose ps`, and remove the file", path = .path.display())]
    Journal {
        /// Which.
        path: PathBuf,
        /// Where.
        line: usize,
    },
    /// The name is another folder's project.
    #[error(
        "there is a project `{project}` already, of another folder ({what} belongs to it): choose another name by `-p`, or end that one by `perry-compose -p {project} down`"
    )]
    OtherOrigin {
        /// The project.
        project: String,
        /// What belongs to the other.
        what: String,
    },
    /// More than a sandbox's labels can say.
    #[error(
        "`{service}` waits for {count} others, and their names together are more than is kept with a sandbox (48 KiB): let it wait for fewer"
    )]
    TooManyNeeds {
        /// The service.
        service: String,
        /// How many it waits for.
        count: usize,
    },
    /// A network that is not as the files say.
    #[error(
        "the network `{key}` has {found}, and the files say {wanted}: to replace it, the sandboxes in it have to be made anew, so leave `--no-recreate` out"
    )]
    OtherNetwork {
        /// The network.
        key: String,
        /// Its addresses, or its name.
        found: String,
        /// Those that it is to have.
        wanted: String,
    },
    /// A volume that is made elsewhere is not there.
    #[error(
        "there is no volume `{0}`: the files say that it is `external`, so it is not made here; make it first (`perry-sandbox engine volume create`, or the project that it is of), or leave `external` out"
    )]
    NoVolume(String),
    /// A network of another project is not there.
    #[error(
        "there is no network `{0}` of another project, and the files say that it is `external`: bring that project up first (networks that `perry-sandbox` has not made are not joined)"
    )]
    NoExternal(String),
    /// The name is more than one folder's project.
    #[error(
        "there are projects `{0}` of several folders: give the command in the folder of the one that is meant"
    )]
    SeveralOrigins(String),
    /// An image cannot be had.
    #[error("cannot bring the image of `{service}` here: {source}")]
    Fetch {
        /// Whose.
        service: String,
        /// Why.
        source: StepError,
    },
    /// What it has is on another backend.
    #[error(
        "the project `{project}` has networks or volumes of {found}, and would be on {wanted}: end it there first, by `perry-compose down`"
    )]
    OtherBackend {
        /// The project.
        project: String,
        /// The backend that has something of it.
        found: String,
        /// The backend that it would be on.
        wanted: String,
    },
    /// A backend's networks and volumes cannot be asked for.
    #[error(transparent)]
    Stock(#[from] StockError),
    /// The sandboxes of this machine cannot be used.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// What there is cannot be seen.
    #[error("cannot look what there is of `{project}`: {source}")]
    Seen {
        /// The project.
        project: String,
        /// Why.
        source: StepError,
    },
}
