//! Until when an answer holds.

use std::time::Duration;

use perry_sandbox_policy::{Evidence, Requirement};

/// The span of time in which an answer may be given again: seconds since 1970, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// When it was proved. Before that moment nothing is known: the clock was set back.
    pub(super) from: i64,
    /// The last second in which it holds.
    pub(super) until: i64,
}

impl Span {
    pub(super) fn contains(self, now: i64) -> bool {
        (self.from..=self.until).contains(&now)
    }
}

/// When the answer stops to hold: after `ttl`, or as soon as a rule of the requirement would say no.
// SECURITY: everything in a requirement that is compared with the time of day must be here, or a proof outlives it.
pub(super) fn span(requirement: &Requirement, evidence: &Evidence, ttl: Duration) -> Span {
    let from = evidence.verified_at;
    let after = |start: i64, age: Duration| start.saturating_add(seconds(age));
    let mut until = after(from, ttl);
    if let Some(age) = requirement.max_age {
        // The oldest time of any signature that counted: one signature less could already be one too few.
        let signatures = evidence.signatures.iter().chain(&evidence.provenance);
        let oldest = signatures.flat_map(|it| &it.times).map(|time| time.at).min();
        until = until.min(after(oldest.unwrap_or(from), age));
    }
    let by = requirement.provenance.as_ref().map_or(&[][..], |rule| &rule.by);
    for signer in requirement.signers.iter().chain(by) {
        let mut own =
            evidence.signatures.iter().chain(&evidence.provenance).filter(|it| it.signer == signer.name);
        if own.any(|it| it.times.is_empty()) {
            until = until.min(signer.window.untimed_until().unwrap_or(until));
        }
    }
    Span { from, until }
}

fn seconds(age: Duration) -> i64 {
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}
