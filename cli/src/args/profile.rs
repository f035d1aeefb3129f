//! `profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use perry_sandbox_profiles::{Arch, ProfileName};

use super::RequestArgs;

const EXAMPLES: &str = "\
Examples:
  perry-sandbox profile show perry-minimal
  perry-sandbox profile show --format oci perry-minimal > seccomp.json
  perry-sandbox profile diff perry-default perry-minimal
  perry-sandbox profile check count-words.toml
  echo one two | perry-sandbox profile record --policy policy.toml -o words.toml words count-words

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
    /// Run a capability several times, note its system calls, and make a profile of them that is proved
    Record(Box<RecordArgs>),
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

const RECORDING: &str = "\
The program runs as `run` would run it: same policy, verifier, plan, limits and network. Only the answers to its system
calls come from the recorder, and are those of the plan's own profile: what that denies stays denied, and is reported.
Standard input is read to its end first, and given to every run.

Exit: 0 recorded and proved; 1 recorded, but the program ended otherwise under the profile; others as `run`.";

/// Arguments of `profile record`.
#[derive(Debug, Args)]
#[command(after_help = RECORDING)]
pub(crate) struct RecordArgs {
    /// What the profile is called
    #[arg(value_name = "NAME")]
    pub(crate) name: ProfileName,

    /// How often it runs at least; it goes on until two runs in a row show nothing new
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    pub(crate) runs: u32,

    /// Go on with an older recording: what it saw counts
    #[arg(long, value_name = "FILE")]
    pub(crate) merge: Option<PathBuf>,

    /// Where the profile is written; the file must not exist, unless it is that of --merge [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) request: RequestArgs,
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
