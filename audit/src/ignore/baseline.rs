//! A baseline: findings that were there when it was written, by their fingerprints.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::entry::{Entry, Scope};
use crate::finding::{Finding, SuppressedBy};
use crate::place::{FileId, Place};
use crate::report::Report;
use crate::rule::RuleId;

const SCHEMA: &str = "perry-sandbox/audit-baseline/v1";
const MOST_BYTES: usize = 16 << 20;

/// Why a baseline is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// Too many bytes.
    #[error("baseline `{name}` has more than {MOST_BYTES} bytes")]
    TooLarge {
        /// The file.
        name: String,
    },
    /// Not JSON of this schema.
    #[error("baseline `{name}` cannot be read: {reason}")]
    Malformed {
        /// The file.
        name: String,
        /// What the reader says.
        reason: String,
    },
    /// Another schema.
    #[error("baseline `{name}` has the schema `{found}`, known is `perry-sandbox/audit-baseline/v1`")]
    Schema {
        /// The file.
        name: String,
        /// What it says.
        found: String,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    version: String,
    findings: Vec<Known>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    fingerprint: String,
    rule: String,
    file: String,
    target: String,
    reason: String,
}

/// A baseline that was read.
#[derive(Debug, Clone)]
pub struct Baseline {
    /// The file's name.
    pub name: String,
    /// Its text.
    pub text: String,
    file: File,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Self, BaselineError> {
        if text.len() > MOST_BYTES {
            return Err(BaselineError::TooLarge { name: name.to_owned() });
        }
        let file: File = serde_json::from_str(text)
            .map_err(|error| BaselineError::Malformed { name: name.to_owned(), reason: error.to_string() })?;
        if file.schema != SCHEMA {
            let found = perry_sandbox_compose::shown(&file.schema);
            return Err(BaselineError::Schema { name: name.to_owned(), found });
        }
        Ok(Self { name: name.to_owned(), text: text.to_owned(), file })
    }

    /// The version of the auditor that wrote it, if it is another.
    pub(super) fn other_version(&self) -> Option<&str> {
        (self.file.version != env!("CARGO_PKG_VERSION")).then_some(self.file.version.as_str())
    }

    /// The entries, as those of a file that was kept under `file`. One whose rule is not known matches nothing.
    pub(super) fn entries(&self, file: FileId) -> impl Iterator<Item = Entry> {
        self.file.findings.iter().map(move |known| {
            let start = self.text.find(&known.fingerprint).unwrap_or(0);
            let rule = known.rule.strip_prefix("PSB").and_then(|number| number.parse().ok()).unwrap_or(0);
            Entry {
                by: SuppressedBy::Baseline,
                rule: RuleId(rule),
                scope: Scope::Fingerprint(known.fingerprint.clone()),
                reason: known.reason.clone(),
                owner: None,
                until: None,
                place: Place { file, start, end: start.saturating_add(known.fingerprint.len()) },
            }
        })
    }
}

impl Report {
    /// A baseline of all findings that count and can be graded. What cannot be graded is never taken into one, and neither
    /// is what the auditor says of itself.
    pub fn baseline(&self, reason: &str) -> String {
        let accepted =
            |finding: &&Finding| finding.grade.severity().is_some() && finding.rule.id < RuleId(900);
        let findings = self.findings.iter().filter(|finding| {
            let kept = finding.suppressed.as_ref().is_none_or(|known| known.by == SuppressedBy::Baseline);
            kept && accepted(finding)
        });
        let mut findings: Vec<Known> = findings
            .map(|finding| Known {
                fingerprint: finding.fingerprint(&self.texts),
                rule: finding.rule.id.to_string(),
                file: self.texts.name(finding.place.file).to_owned(),
                target: finding.target.name.clone(),
                reason: finding
                    .suppressed
                    .as_ref()
                    .map_or_else(|| reason.to_owned(), |known| known.reason.clone()),
            })
            .collect();
        findings.sort_by(|a, b| (&a.file, &a.rule, &a.fingerprint).cmp(&(&b.file, &b.rule, &b.fingerprint)));
        findings.dedup_by(|a, b| a.fingerprint == b.fingerprint);
        let file =
            File { schema: SCHEMA.to_owned(), version: env!("CARGO_PKG_VERSION").to_owned(), findings };
        let mut text = serde_json::to_string_pretty(&file).unwrap_or_default();
        text.push('\n');
        text
    }
}
