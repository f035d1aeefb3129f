//! What came of an audit.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::exposure::TargetExposure;
use crate::finding::{Finding, Target};
use crate::grade::{Grade, Severity};
use crate::place::{FileId, Texts};
use crate::rule::RuleId;

/// Which rules looked at a target.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The target.
    pub target: Target,
    /// Its file.
    pub file: FileId,
    /// The rules.
    pub rules: Vec<RuleId>,
}

/// What an audit comes to: the exit code, whatever the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing at or above the threshold.
    Clean,
    /// Something is.
    Found,
    /// Something could not be graded.
    Ungraded,
    /// There was nothing to audit.
    NoInputs,
}

impl Verdict {
    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Found => 1,
            Self::Ungraded => 2,
            Self::NoInputs => 3,
        }
    }
}

/// Numbers of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files that were read, command lines included.
    pub files: usize,
    /// Services, containers, profiles and so on.
    pub targets: usize,
    /// Rules that looked at something.
    pub rules: usize,
    /// Findings that count, by severity.
    pub findings: BTreeMap<Severity, usize>,
    /// What could not be graded.
    pub refused: usize,
    /// Findings that do not count.
    pub suppressed: usize,
    /// Files that were come across and are nothing that is audited.
    pub left_out: usize,
}

/// Everything that came of an audit.
#[derive(Debug)]
pub struct Report {
    /// The files.
    pub texts: Texts,
    /// What was found: the worst first, then by rule and place.
    pub findings: Vec<Finding>,
    /// Which rules looked at what.
    pub ran: Vec<Ran>,
    /// What each target leaves open.
    pub exposures: Vec<TargetExposure>,
    /// Files that were come across and are nothing that is audited.
    pub left_out: usize,
}

/// The rule of what is not seen.
pub(crate) const GAP: RuleId = RuleId(6);

impl Report {
    /// Findings that count.
    pub fn counting(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.suppressed.is_none())
    }

    /// What it comes to. Gaps are accepted by the caller, or count as what cannot be graded.
    pub fn verdict(&self, fail_on: Severity, accept_gaps: bool) -> Verdict {
        let refused =
            |finding: &Finding| finding.grade == Grade::Refused && !(accept_gaps && finding.rule.id == GAP);
        if self.counting().any(refused) {
            Verdict::Ungraded
        } else if self.ran.is_empty() && self.findings.is_empty() {
            Verdict::NoInputs
        } else if self
            .counting()
            .any(|finding| finding.grade.severity().is_some_and(|found| found >= fail_on))
        {
            Verdict::Found
        } else {
            Verdict::Clean
        }
    }

    /// Its numbers.
    pub fn summary(&self) -> Summary {
        let mut findings = BTreeMap::new();
        for severity in self.counting().filter_map(|finding| finding.grade.severity()) {
            let count: &mut usize = findings.entry(severity).or_default();
            *count = count.saturating_add(1);
        }
        let mut rules: Vec<RuleId> = self.ran.iter().flat_map(|ran| ran.rules.iter().copied()).collect();
        rules.sort_unstable();
        rules.dedup();
        Summary {
            files: self.texts.ids().count().saturating_sub(self.left_out),
            targets: self.ran.len(),
            rules: rules.len(),
            refused: self.counting().filter(|finding| finding.grade == Grade::Refused).count(),
            suppressed: self.findings.iter().filter(|finding| finding.suppressed.is_some()).count(),
            findings,
            left_out: self.left_out,
        }
    }
}
