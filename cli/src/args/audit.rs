//! `audit`.

use std::path::PathBuf;

use clap::Args;

use crate::audit::ReportArgs;

/// Arguments of `audit`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct AuditArgs {
    /// Files and folders; `-` is standard input [default: the current folder]
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// Audit a command line of docker, podman or nerdctl, written behind `--`
    #[arg(long, conflicts_with_all = ["explain", "rules"])]
    pub(crate) argv: bool,

    /// Print the page of a rule
    #[arg(long, value_name = "RULE")]
    pub(crate) explain: Option<String>,

    /// List the rules
    #[arg(long, conflicts_with = "explain")]
    pub(crate) rules: bool,

    #[command(flatten)]
    pub(crate) report: ReportArgs,

    /// Ignores of the team [default: audit.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,

    /// Findings that were there before
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Write all findings to a baseline
    #[arg(long, value_name = "FILE")]
    pub(crate) write_baseline: Option<PathBuf>,

    /// Why they are accepted, for `--write-baseline`
    #[arg(long, value_name = "TEXT", requires = "write_baseline")]
    pub(crate) reason: Option<String>,

    /// Print the fixes as a diff
    #[arg(long)]
    pub(crate) fix: bool,

    /// Write them
    #[arg(long, requires = "fix")]
    pub(crate) write: bool,

    /// Also those that can break what works
    #[arg(long, requires = "fix")]
    pub(crate) unsafe_fixes: bool,
}

const EXAMPLES: &str = "\
Examples:
  perry-sandbox audit compose.yaml
  perry-sandbox audit --argv -- docker run -v /:/host alpine
  perry-sandbox audit --explain PSB410
  perry-sandbox audit --fix --write compose.yaml
  perry-sandbox audit --format sarif . > audit.sarif

A comment `# perry-sandbox: ignore[PSB410] reason` beside a finding accepts it; `owner=NAME` and `until=YYYY-MM-DD` may stand
in the reason. Exit codes: 0 nothing at or above --fail-on, 1 something is, 2 something could not be graded, 3 no inputs.";
