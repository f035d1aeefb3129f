//! `profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use perry_sandbox_profiles::Arch;

const EXAMPLES: &str = "\
Examples:
  perry-sandbox profile show perry-minimal
  perry-sandbox profile show --format oci perry-minimal > seccomp.json
  perry-sandbox profile diff perry-default perry-minimal
  perry-sandbox profile check count-words.toml

PROFILE is the name of a built-in profile (perry-default, perry-minimal) or a file.
Exit: 0 done, nothing differs, nothing found; 1 something differs or was found; 2 a profile cannot be read.";

/// Arguments of `profile`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    pub(crate) command: ProfileCommand,
}

/// What to do with seccomp profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// Print a profile: calls, conditions and reasons, or what it is compiled to
    Show(ShowArgs),
    /// List what one profile admits and the other does not; exit 1 where they differ
    Diff(DiffProfilesArgs),
    /// Say whether a profile would start anything, and what has changed since it was recorded
    Check(CheckProfileArgs),
    /// Take away the calls that a recording never saw
    Narrow(NarrowArgs),
}

/// How a profile is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShownAs {
    /// For people.
    Text,
    /// For scripts.
    Json,
    /// The source, as it is read.
    Toml,
    /// Seccomp JSON of the OCI runtime specification, as `docker` and `podman` read it.
    Oci,
    /// The filter's bytes, as `bwrap --seccomp` reads them.
    Bpf,
}

/// Arguments of `profile show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Architecture [default: this machine's]
    #[arg(long, value_name = "ARCH")]
    pub(crate) arch: Option<Arch>,

    /// What to print
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: ShownAs,

    /// The profile
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: String,
}

/// Arguments of `profile diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffProfilesArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// The profile before
    #[arg(value_name = "BEFORE")]
    pub(crate) before: String,

    /// The profile after
    #[arg(value_name = "AFTER")]
    pub(crate) after: String,
}

/// Arguments of `profile check`.
#[derive(Debug, Args)]
pub(crate) struct CheckProfileArgs {
    /// Who is to start it: native, runc or crun
    #[arg(long, value_name = "RUNTIME", default_value = "native")]
    pub(crate) backend: String,

    /// Image to compare with the one that was recorded
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// The profile
    #[arg(value_name = "PROFILE")]
    pub(crate) profile: String,
}

/// Arguments of `profile narrow`.
#[derive(Debug, Args)]
pub(crate) struct NarrowArgs {
    /// The recording, a profile too: calls that it does not have are taken away
    #[arg(long, value_name = "PROFILE")]
    pub(crate) recorded: String,

    /// Write the file; without it the difference is printed, and the exit code is 1 where there is one
    #[arg(long)]
    pub(crate) write: bool,

    /// The file to narrow
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
