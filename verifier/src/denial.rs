//! Why an image does not count as verified: every candidate, every signer, every reason.

use std::fmt;

use perry_sandbox_policy::SignerName;
use perry_sandbox_reference::Digest;
use serde::Serialize;

use crate::codes::Code;
use crate::finding::Finding;

/// Why nothing was proved. Never an approval, whatever its class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Denial {
    /// Whether the signatures say no, or the world broke before they could be judged.
    pub class: DenialClass,
    /// What was to be verified: a digest.
    pub subject: String,
    /// Where signatures were looked for.
    pub source: String,
    /// Reasons that are not about one candidate.
    pub reasons: Vec<Reason>,
    /// Everything that might have been a signature, in the order of its digest.
    pub candidates: Vec<CandidateReport>,
}

/// The two kinds of denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenialClass {
    /// What was found does not prove what is required.
    NotVerified,
    /// Something could not be read, so nothing can be said: asking again may help.
    Failure,
}

/// One reason, and the signer it concerns if it concerns one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Reason {
    /// The signer, or nothing where the reason holds for all.
    pub signer: Option<SignerName>,
    /// The reason.
    pub finding: Finding,
}

/// One thing that might have been a signature, and why it does not count (or for whom it does).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CandidateReport {
    /// The layer or bundle blob.
    pub object: Digest,
    /// What it is and where it was found, for people.
    pub place: String,
    /// The signers it counts for.
    pub counts_for: Vec<SignerName>,
    /// Why it does not count, or not for the other signers.
    pub reasons: Vec<Reason>,
}

impl Denial {
    /// The class follows from the reasons: where something could not be read, nothing can be said for sure.
    pub(crate) fn new(
        subject: String,
        source: String,
        reasons: Vec<Reason>,
        candidates: Vec<CandidateReport>,
    ) -> Self {
        let failed = |reason: &Reason| reason.finding.failure;
        // What the requirement itself rules out stays ruled out, whatever could not be read.
        let ruled_out = |reason: &Reason| {
            matches!(reason.finding.code, Code::QuorumDigest | Code::QuorumEmpty | Code::DenyImage)
        };
        let unread = reasons.iter().any(failed) || candidates.iter().any(|it| it.reasons.iter().any(failed));
        let class = if unread && !reasons.iter().any(ruled_out) {
            DenialClass::Failure
        } else {
            DenialClass::NotVerified
        };
        Self { class, subject, source, reasons, candidates }
    }

    /// Every finding, in the order in which they are shown.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.reasons.iter().chain(self.candidates.iter().flat_map(|it| &it.reasons)).map(|it| &it.finding)
    }
}

impl std::error::Error for Denial {}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.class {
            DenialClass::NotVerified => "not verified",
            DenialClass::Failure => "could not be verified",
        };
        writeln!(f, "{verdict}: {} in {}", self.subject, self.source)?;
        for reason in &self.reasons {
            write!(f, "{reason}")?;
        }
        for (at, candidate) in self.candidates.iter().enumerate() {
            writeln!(
                f,
                "candidate {} of {}: {}",
                at.saturating_add(1),
                self.candidates.len(),
                candidate.place
            )?;
            for signer in &candidate.counts_for {
                writeln!(f, "  counts for {signer}")?;
            }
            for reason in &candidate.reasons {
                write!(f, "{reason}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(signer) = &self.signer {
            writeln!(f, "  for {signer}:")?;
        }
        for line in self.finding.to_string().lines() {
            writeln!(f, "  {line}")?;
        }
        Ok(())
    }
}
