//! `audit`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use perry_sandbox_audit::Severity;

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

/// How findings are shown and counted.
#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) format: AuditFormat,

    /// Print JSON: the same as `--format json`
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,

    /// Least severity that ends with code 1
    #[arg(long, value_name = "SEVERITY", default_value = "high")]
    pub(crate) fail_on: FailOn,

    /// Accept what cannot be seen (PSB006)
    #[arg(long)]
    pub(crate) allow_gaps: bool,

    /// Also tell what an image may make harmless
    #[arg(long)]
    pub(crate) auditor: bool,
}

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For people, grouped by rule.
    Text,
    /// For programs.
    #[value(alias = "json-v1")]
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// `JUnit`.
    Junit,
    /// Annotations of GitHub Actions.
    Github,
    /// A table.
    Markdown,
}

/// A severity as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    Info,
    Low,
    Medium,
    High,
    Critical,
}

impl From<FailOn> for Severity {
    fn from(word: FailOn) -> Self {
        match word {
            FailOn::Info => Self::Info,
            FailOn::Low => Self::Low,
            FailOn::Medium => Self::Medium,
            FailOn::High => Self::High,
            FailOn::Critical => Self::Critical,
        }
    }
}

impl ReportArgs {
    /// The form that is asked for.
    pub(crate) fn form(&self) -> AuditFormat {
        if self.json { AuditFormat::Json } else { self.format }
    }
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
