//! One entry that ignores, wherever it is written.

use jiff::civil::Date;

use crate::finding::{Finding, SuppressedBy, Suppression, Target, TargetKind};
use crate::place::{Place, Texts};
use crate::rule::RuleId;

/// What an entry is about.
#[derive(Debug, Clone)]
pub(super) enum Scope {
    /// Findings with a span on one of these lines of this file.
    Lines(Vec<usize>),
    /// Findings on a target, in a file, or both.
    Named {
        /// The target's name.
        target: Option<String>,
        /// The file's name.
        file: Option<String>,
    },
    /// The finding with this fingerprint.
    Fingerprint(String),
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) by: SuppressedBy,
    pub(super) rule: RuleId,
    pub(super) scope: Scope,
    pub(super) reason: String,
    pub(super) owner: Option<String>,
    pub(super) until: Option<Date>,
    /// Where the entry itself stands.
    pub(super) place: Place,
}

impl Entry {
    /// Whether a finding is meant.
    pub(super) fn means(&self, finding: &Finding, texts: &Texts) -> bool {
        if finding.rule.id != self.rule {
            return false;
        }
        match &self.scope {
            Scope::Lines(lines) => {
                let places =
                    std::iter::once(finding.place).chain(finding.context.iter().map(|(place, _)| *place));
                places.filter(|place| place.file == self.place.file).any(|place| {
                    let span = texts.position(place).line..=texts.end_position(place).line;
                    lines.iter().any(|line| span.contains(line))
                })
            }
            Scope::Named { target, file } => {
                let same_file = |name: &str| {
                    texts.name(finding.place.file).trim_start_matches("./") == name.trim_start_matches("./")
                };
                target.as_ref().is_none_or(|target| *target == finding.target.name)
                    && file.as_ref().is_none_or(|file| same_file(file))
            }
            Scope::Fingerprint(wanted) => finding.fingerprint(texts) == *wanted,
        }
    }

    /// What it says of a finding.
    pub(super) fn suppression(&self) -> Suppression {
        Suppression {
            by: self.by,
            reason: self.reason.clone(),
            owner: self.owner.clone(),
            until: self.until.map(|date| date.to_string()),
        }
    }

    /// What findings about the entry itself are about.
    pub(super) fn target(&self, texts: &Texts) -> Target {
        Target::new(TargetKind::File, texts.name(self.place.file))
    }
}
