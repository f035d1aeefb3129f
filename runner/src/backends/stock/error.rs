//! Why an engine's stock was not read or changed.

use thiserror::Error;

use super::super::tool::ToolError;
use super::words::StockKind;
use crate::project::ProjectError;

/// Why an engine's stock was not read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StockError {
    /// There is no such backend in this version.
    #[error("there is no backend `{0}`: `perry-sandbox backends` lists them")]
    Unknown(String),
    /// It keeps nothing for others.
    #[error(
        "`{0}` is no engine: it has no images, networks or volumes; name one that is, as `podman` or `docker`"
    )]
    NoEngine(&'static str),
    /// It does not answer here.
    #[error("the engine `{backend}` cannot be used here: {why}{}", remedy.as_deref().map(|text| format!("; {text}")).unwrap_or_default())]
    Absent {
        /// Which.
        backend: String,
        /// What was found instead.
        why: String,
        /// What would bring it.
        remedy: Option<String>,
    },
    /// There is none of this name.
    #[error(
        "{backend} has no {kind} `{name}` of perry-sandbox: `perry-sandbox engine {kind} ls` lists those that it has"
    )]
    Missing {
        /// Which engine.
        backend: &'static str,
        /// What was looked for.
        kind: StockKind,
        /// By this name.
        name: String,
    },
    /// There is one of this name that we have not made.
    #[error(
        "the {kind} `{name}` of {backend} was not made by perry-sandbox, so it is left alone: use {backend} itself for it, or choose another name"
    )]
    NotOurs {
        /// Which engine.
        backend: &'static str,
        /// What it is.
        kind: StockKind,
        /// Its name.
        name: String,
    },
    /// There is one of this name already.
    #[error(
        "{backend} has a {kind} `{name}` of perry-sandbox already: remove it first, or choose another name"
    )]
    Exists {
        /// Which engine.
        backend: &'static str,
        /// What it is.
        kind: StockKind,
        /// Its name.
        name: String,
    },
    /// The engine has made something else than it was asked for.
    #[error(
        "the {kind} `{name}` of {backend} has another {part} than was asked for: somebody else may have made one of that name just now; look at it by `perry-sandbox engine {kind} inspect {name}`"
    )]
    Other {
        /// Which engine.
        backend: &'static str,
        /// What it made.
        kind: StockKind,
        /// Its name.
        name: String,
        /// What of it is another.
        part: &'static str,
    },
    /// There is one of this name that belongs to another project, or to none.
    #[error(
        "the {kind} `{name}` of {backend} does not belong to the project `{project}`: give the project another name, or remove it and make it by `perry-sandbox engine {kind} create --project {project}`"
    )]
    OtherProject {
        /// Which engine.
        backend: &'static str,
        /// What it is.
        kind: StockKind,
        /// Its name.
        name: String,
        /// The project that asks for it.
        project: String,
    },
    /// Addresses of a network that the engine cannot keep.
    #[error("{backend} cannot make the network `{name}`: {why}")]
    Addresses {
        /// Which engine.
        backend: &'static str,
        /// Its name.
        name: String,
        /// What it does not hold, and what helps.
        why: &'static str,
    },
    /// A network from which more than its sandboxes can be reached.
    #[error(
        "no sandbox joins the network `{name}` of {backend}: {why}, so more than the project could be reached; remove it and make it by `perry-sandbox engine network create --project`"
    )]
    Open {
        /// Which engine.
        backend: &'static str,
        /// Its name.
        name: String,
        /// What is open.
        why: &'static str,
    },
    /// A volume in which something could be executed.
    #[error(
        "no sandbox gets the volume `{name}` of {backend}: its options are not those of perry-sandbox, by which nothing in it is executed; keep what is in it elsewhere, remove it, and make it by `perry-sandbox engine volume create --project`"
    )]
    Executable {
        /// Which engine.
        backend: &'static str,
        /// Its name.
        name: String,
    },
    /// A volume that sandboxes read at this moment.
    #[error("the volume `{name}` of {backend} is in use by a sandbox that reads it: stop it first")]
    InUse {
        /// Which engine.
        backend: &'static str,
        /// Its name.
        name: String,
    },
    /// The engine failed, or said no: as it does where something is in use.
    #[error("cannot {doing}: {source}")]
    Engine {
        /// What was asked of it.
        doing: String,
        /// In its own words.
        source: ToolError,
    },
    /// The embedded backend's own stock failed.
    #[error(transparent)]
    Own(#[from] ProjectError),
}

impl StockError {
    /// Whether the engine did not answer, or not to the end: what it was asked for may be done, or be done yet.
    pub const fn is_unanswered(&self) -> bool {
        matches!(self, Self::Engine { source: ToolError::Hangs { .. } | ToolError::Answer { .. }, .. })
    }
}
