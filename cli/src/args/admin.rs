//! `store`, `log`, `backends`, `doctor`, `completions`, `man`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

/// Arguments of `store`.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Hash everything again and say what does not match
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove content that no image of the store needs
    Prune {
        /// Remove the images as well
        #[arg(long)]
        all: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `log`.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[command(subcommand)]
    pub(crate) command: LogCommand,
}

/// What to do with the trail.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Print the latest entries
    Show {
        /// How many
        #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
        tail: usize,
        /// Print the entries as they are written, one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Follow the chain of hashes and find the first broken link
    Verify {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

const BACKENDS_HELP: &str = "\
Examples:
  perry-sandbox backends
  perry-sandbox backends --install podman

PERRY_CONTAINER_BACKEND names backends, separated by commas: the first that is alive is used.
PERRY_CONTAINER_MODE says which are preferred: local-first (default), or server-first, which are those with a daemon or a
machine of their own.
With PERRY_NO_INSTALL_PROMPT set, --install asks nothing and runs nothing.";

/// Arguments of `backends`.
#[derive(Debug, Args)]
#[command(after_help = BACKENDS_HELP)]
pub(crate) struct BackendsArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Show the command that installs this backend here, and run it if you say so on a terminal
    #[arg(long, value_name = "NAME", conflicts_with = "json")]
    pub(crate) install: Option<String>,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  perry-sandbox doctor
  perry-sandbox doctor .
  perry-sandbox doctor --json app

With PROJECT: 0 nothing found, 1 something found, 2 something could not be read.
Skipped: node_modules, folders whose name begins with a dot, symbolic links.";

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Folder of a Perry project: find imports that compile and do nothing, and say what to write instead
    #[arg(value_name = "PROJECT")]
    pub(crate) project: Option<PathBuf>,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Folder for one page a command [default: the main page on standard output]
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
}
