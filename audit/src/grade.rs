//! Severities, and what they are derived from.

use std::fmt;

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A mitigation less.
    Low,
    /// One more flaw, and something is lost.
    Medium,
    /// A known technique, or one more flaw, and the host is lost.
    High,
    /// The host is lost by an ordinary call.
    Critical,
}

impl Severity {
    /// Every severity, the mildest first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    const fn lower(self) -> Self {
        match self {
            Self::Critical => Self::High,
            Self::High => Self::Medium,
            Self::Medium => Self::Low,
            Self::Low | Self::Info => Self::Info,
        }
    }

    const fn higher(self) -> Self {
        match self {
            Self::Info => Self::Low,
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What must be true besides the finding itself for harm to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: a supported call does it.
    SupportedCall,
    /// A published technique is used.
    Technique,
    /// Something else must be broken as well.
    SecondFlaw,
    /// Only a mitigation is missing.
    MitigationMissing,
}

/// What the harm reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The host.
    Host,
    /// Other sandboxes and services.
    OtherSandboxes,
    /// Only what runs in it.
    ThisSandbox,
    /// Only the verdict: what a policy or an audit says is not what is.
    Verdict,
}

/// What is lost, where that is one thing only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// More than one.
    Several,
    /// Only secrets.
    Confidentiality,
    /// Only service.
    Availability,
    /// Only correctness.
    Integrity,
}

/// Where a severity comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Derivation {
    /// What must also be true.
    pub precondition: Precondition,
    /// What is reached.
    pub reach: Reach,
    /// What is lost: one thing only takes a step off.
    pub loss: Loss,
    /// Whether the attacker needs no foothold, which adds a step.
    pub needs_foothold: bool,
}

impl Derivation {
    /// Of these two, with several losses and a foothold needed.
    pub const fn of(precondition: Precondition, reach: Reach) -> Self {
        Self { precondition, reach, loss: Loss::Several, needs_foothold: true }
    }

    /// Only this is lost.
    #[must_use]
    pub const fn only(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    /// The attacker needs no foothold.
    #[must_use]
    pub const fn from_outside(self) -> Self {
        Self { needs_foothold: false, ..self }
    }

    /// The severity that follows.
    pub const fn severity(self) -> Severity {
        let base = match (self.precondition, self.reach) {
            (Precondition::SupportedCall, Reach::Host) => Severity::Critical,
            (Precondition::SupportedCall, Reach::OtherSandboxes | Reach::ThisSandbox)
            | (Precondition::Technique, Reach::Host | Reach::OtherSandboxes)
            | (Precondition::SecondFlaw, Reach::Host) => Severity::High,
            (Precondition::SupportedCall, Reach::Verdict)
            | (Precondition::Technique, Reach::ThisSandbox)
            | (Precondition::SecondFlaw, Reach::OtherSandboxes | Reach::ThisSandbox)
            | (Precondition::MitigationMissing, Reach::Host) => Severity::Medium,
            (Precondition::Technique | Precondition::SecondFlaw, Reach::Verdict)
            | (Precondition::MitigationMissing, Reach::OtherSandboxes | Reach::ThisSandbox) => Severity::Low,
            (Precondition::MitigationMissing, Reach::Verdict) => Severity::Info,
        };
        let one_loss = match self.loss {
            Loss::Several => base,
            Loss::Confidentiality | Loss::Availability | Loss::Integrity => base.lower(),
        };
        if self.needs_foothold { one_loss } else { one_loss.higher() }
    }
}

impl fmt::Display for Derivation {
    /// `high: a published technique × the host`, with what is added and taken off.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let precondition = match self.precondition {
            Precondition::SupportedCall => "a supported call alone",
            Precondition::Technique => "a published technique",
            Precondition::SecondFlaw => "a second flaw",
            Precondition::MitigationMissing => "only a mitigation is missing",
        };
        let reach = match self.reach {
            Reach::Host => "the host",
            Reach::OtherSandboxes => "other sandboxes",
            Reach::ThisSandbox => "this sandbox",
            Reach::Verdict => "the verdict only",
        };
        write!(f, "{}: {precondition} × {reach}", self.severity())?;
        match self.loss {
            Loss::Several => {}
            Loss::Confidentiality => f.write_str(" − only confidentiality")?,
            Loss::Availability => f.write_str(" − only availability")?,
            Loss::Integrity => f.write_str(" − only integrity")?,
        }
        if self.needs_foothold { Ok(()) } else { f.write_str(" + no foothold needed") }
    }
}

/// What a rule gives its findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// It cannot be graded at all: a file that is refused, a part that is not seen, a rule that failed.
    Refused,
    /// A severity, and where it comes from.
    Derived(Derivation),
}

impl Grade {
    /// The severity; none where nothing could be graded.
    pub const fn severity(self) -> Option<Severity> {
        match self {
            Self::Refused => None,
            Self::Derived(derivation) => Some(derivation.severity()),
        }
    }

    /// The word for it: a severity, or `refused`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Derived(derivation) => derivation.severity().as_str(),
        }
    }

    /// A number to sort by: what cannot be graded is worst.
    pub const fn rank(self) -> u8 {
        match self.severity() {
            None => 5,
            Some(Severity::Critical) => 4,
            Some(Severity::High) => 3,
            Some(Severity::Medium) => 2,
            Some(Severity::Low) => 1,
            Some(Severity::Info) => 0,
        }
    }
}

impl From<Derivation> for Grade {
    fn from(derivation: Derivation) -> Self {
        Self::Derived(derivation)
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRECONDITIONS: [Precondition; 4] = [
        Precondition::SupportedCall,
        Precondition::Technique,
        Precondition::SecondFlaw,
        Precondition::MitigationMissing,
    ];
    const REACHES: [Reach; 4] = [Reach::Host, Reach::OtherSandboxes, Reach::ThisSandbox, Reach::Verdict];

    #[test]
    fn a_harder_way_or_a_smaller_reach_is_never_worse() {
        for reach in REACHES {
            let column = PRECONDITIONS.map(|precondition| Derivation::of(precondition, reach).severity());
            assert!(column.is_sorted_by(|a, b| a >= b), "{reach:?}: {column:?}");
        }
        for precondition in PRECONDITIONS {
            let row = REACHES.map(|reach| Derivation::of(precondition, reach).severity());
            assert!(row.is_sorted_by(|a, b| a >= b), "{precondition:?}: {row:?}");
        }
    }

    #[test]
    fn one_loss_takes_a_step_off_and_no_foothold_adds_one() {
        let whole = Derivation::of(Precondition::Technique, Reach::Host);
        assert_eq!(whole.severity(), Severity::High);
        assert_eq!(whole.only(Loss::Availability).severity(), Severity::Medium);
        assert_eq!(whole.only(Loss::Availability).from_outside().severity(), Severity::High);
        assert_eq!(
            whole.only(Loss::Availability).from_outside().to_string(),
            "high: a published technique × the host − only availability + no foothold needed"
        );
    }
}
