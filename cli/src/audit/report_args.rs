//! Flags of reports.

use clap::{Args, ValueEnum};
use perry_sandbox_audit::{Persona, Report, Severity, Verdict};

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
    /// A report in the form that is asked for.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub(crate) fn rendered(&self, report: &Report, colour: bool) -> serde_json::Result<String> {
        let format = if self.json { AuditFormat::Json } else { self.format };
        Ok(match format {
            AuditFormat::Text => report.to_text(colour),
            AuditFormat::Json => serde_json::to_string_pretty(&report.to_json())?,
            AuditFormat::Sarif => serde_json::to_string_pretty(&report.to_sarif(self.verdict(report)))?,
            AuditFormat::Junit => report.to_junit(),
            AuditFormat::Github => report.to_github(),
            AuditFormat::Markdown => report.to_markdown(),
        })
    }

    /// What a report comes to; the form never changes it.
    pub(crate) fn verdict(&self, report: &Report) -> Verdict {
        report.verdict(self.fail_on.into(), self.allow_gaps)
    }

    /// For whom it is.
    pub(crate) const fn persona(&self) -> Persona {
        if self.auditor { Persona::Auditor } else { Persona::Everyone }
    }
}
