use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::super::tool::ToolError;

/// Why nothing was built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No builder is here.
    #[error("no builder can be used here: {why}; install podman, or name one by `--builder`")]
    NoBuilder {
        /// What was found of each.
        why: String,
    },
    /// A builder that does not hold the build to what is granted.
    #[error(
        "docker pulls whatever a build begins with, and the policy grants this build no network: build by podman, or grant `network = \"builder\"`"
    )]
    Network,
    /// Nobody here can start a builder without a network.
    #[error(
        "the policy grants this build no network, and no builder can be started without one: {why}, or grant `network = \"builder\"`"
    )]
    Apart {
        /// What is missing.
        why: String,
    },
    /// Steps that would take something in without a network.
    #[error("the steps have `{word}`, and the policy grants this build no network: {why}")]
    Steps {
        /// Which word of them.
        word: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another folder than the one that was decided about.
    #[error("the context `{}` is reached by a link now, and was not a moment ago: nothing was built", .0.display())]
    Moved(PathBuf),
    /// The builder said no.
    #[error("{builder} has not built it ({status}); its last words: {words}")]
    Failed {
        /// Which.
        builder: &'static str,
        /// How it ended.
        status: String,
        /// What it said last.
        words: String,
    },
    /// It took too long, and was killed.
    #[error("{builder} did not come to an end within {} minutes, and was killed", within.as_secs() / 60)]
    Hangs {
        /// Which.
        builder: &'static str,
        /// How long it had.
        within: Duration,
    },
    /// The user asked to stop.
    #[error("the build was interrupted; nothing was kept of it")]
    Interrupted,
    /// A program of the host did not do what it was asked for.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Something on disk.
    #[error("the files of a build cannot be used: {}: {source}", path.display())]
    Files {
        /// What.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
