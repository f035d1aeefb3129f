//! `policy` and `explain`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use perry_sandbox_pipeline::{PolicyChoice, PolicyInput};
use perry_sandbox_reference::Digest;

use super::RequestArgs;

/// Which policy decides.
#[derive(Debug, Args)]
pub(crate) struct PolicyFileArgs {
    /// Policy file, TOML or JSON; several hold together, each can only tighten [default: the user's, then the machine's]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,

    /// Refuse to decide by any other resolved policy than this one
    #[arg(long, value_name = "DIGEST")]
    pub(crate) require_policy: Option<Digest>,
}

impl PolicyFileArgs {
    /// In the pipeline's words.
    pub(crate) fn choice(&self) -> PolicyChoice {
        PolicyChoice {
            inputs: self.policy.iter().cloned().map(PolicyInput::File).collect(),
            require: self.require_policy.clone(),
        }
    }
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// Decide as if: `tier=NAME`
    #[arg(long = "if", value_name = "WHAT=VALUE")]
    pub(crate) what_if: Vec<String>,

    /// Print JSON with byte spans and reason codes
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `policy`.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// What to do with policy files.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Read policy files and say everything that is wrong with them
    Check(CheckArgs),
    /// Write a policy file in its one canonical form
    Fmt(FormatArgs),
    /// List what a new policy makes possible and what it makes impossible
    Diff(DiffArgs),
    /// Print the JSON Schema of policy files
    Schema(SchemaArgs),
    /// Write a first policy to start from
    Init(InitArgs),
    /// Write a `policy.json` or `ClusterImagePolicy` as a policy
    Import(ImportArgs),
}

/// Arguments of `policy check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Policy files; several hold together
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `policy fmt`.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// Change nothing; exit 1 where a file is not in the canonical form
    #[arg(long)]
    pub(crate) check: bool,

    /// Print JSON: each file, whether it was in the canonical form, and the text where it came from standard input
    #[arg(long)]
    pub(crate) json: bool,

    /// Policy files to rewrite; `-` reads standard input and writes standard output
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

/// Arguments of `policy diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// The policy before
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,

    /// The policy after
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,
}

/// Arguments of `policy schema`.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Print failures as JSON too; the schema is JSON anyway, with its version in `$id`
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `policy init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Print JSON: the file that was written, or the text
    #[arg(long)]
    pub(crate) json: bool,

    /// File to write; it must not exist [default: standard output]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
}

/// Arguments of `policy import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Write what can be said, though something is left out; images that it was for are denied
    #[arg(long)]
    pub(crate) partial: bool,

    /// File to write, with keys beside it; none of them may exist [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Print JSON: the file that was written, or the text, and what is not as it was
    #[arg(long)]
    pub(crate) json: bool,

    /// A `policy.json` of containers/image or a `ClusterImagePolicy` of policy-controller; `-` is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
