//! Requirements that are only tried: their answer is told beside a proof, and never changes one.

use std::collections::BTreeSet;

use perry_sandbox_policy::{Trial, TrialOutcome, TrialReason};

use crate::denial::{Denial, DenialClass};
use crate::finding::Finding;

/// More reasons than a person reads.
const MOST_REASONS: usize = 16;

/// What is told where the requirement would be met.
pub(crate) fn met() -> Trial {
    Trial { outcome: TrialOutcome::Met, reasons: Vec::new() }
}

/// What is told where it would not be.
pub(crate) fn refused(denial: &Denial) -> Trial {
    let outcome = match denial.class {
        DenialClass::NotVerified => TrialOutcome::NotMet,
        DenialClass::Failure => TrialOutcome::Unknown,
    };
    let mut seen = BTreeSet::new();
    let reasons = denial.findings().map(reason).filter(|it| seen.insert((it.code.clone(), it.text.clone())));
    Trial { outcome, reasons: reasons.take(MOST_REASONS).collect() }
}

/// What is told where the check itself broke.
pub(crate) fn broken(finding: &Finding) -> Trial {
    Trial { outcome: TrialOutcome::Unknown, reasons: vec![reason(finding)] }
}

fn reason(finding: &Finding) -> TrialReason {
    let Finding { code, title, found, expected, .. } = finding;
    TrialReason { code: code.to_string(), text: format!("{title} (found {found}, expected {expected})") }
}
