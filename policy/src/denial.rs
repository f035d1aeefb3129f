//! Denials: why a request may not run, every reason at once, in the order in which a policy is read.

use std::fmt;

use serde::Serialize;

use crate::source::Span;

/// A list with at least one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "Vec<T>", bound(serialize = "T: Clone + Serialize"))]
pub struct NonEmpty<T> {
    /// Boxed, because a denial is the error of some functions.
    first: Box<T>,
    rest: Vec<T>,
}

impl<T> NonEmpty<T> {
    /// A list of one item.
    pub fn one(first: T) -> Self {
        Self { first: Box::new(first), rest: Vec::new() }
    }

    /// The items, or nothing if there is none.
    pub fn from_vec(items: Vec<T>) -> Option<Self> {
        let mut items = items.into_iter();
        let first = Box::new(items.next()?);
        Some(Self { first, rest: items.collect() })
    }

    /// The first item.
    pub const fn first(&self) -> &T {
        &self.first
    }

    /// All items in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(self.first()).chain(&self.rest)
    }
}

impl<T> From<NonEmpty<T>> for Vec<T> {
    fn from(list: NonEmpty<T>) -> Self {
        std::iter::once(*list.first).chain(list.rest).collect()
    }
}

/// The permanent code of a reason, in the order in which reasons are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyCode {
    /// There is neither a policy nor a signer on the command line.
    NoPolicy,
    /// The policy has no such capability.
    UnknownCapability,
    /// The policy has no entry under which this may run.
    NoEntry,
    /// No image rule covers the image.
    NoImageRule,
    /// Two image rules cover the image equally well.
    AmbiguousRule,
    /// The image rule can never be satisfied, because composed files left too few signers.
    UnsatisfiableRule,
    /// The signer on the command line is none of the image rule's.
    ForeignSigner,
    /// The evidence was made for another image rule.
    OtherEvidence,
    /// The image's digest is not listed.
    DigestNotListed,
    /// Too few of the signers have signed.
    Quorum,
    /// The attestation is missing.
    Provenance,
    /// The image is on the deny list.
    Denied,
    /// The policy has no such tier.
    UnknownTier,
    /// No isolation level is accepted.
    NoIsolation,
    /// No accepted isolation level is there.
    IsolationUnavailable,
    /// Too many arguments, or an overlong one, or one with a NUL.
    Arguments,
    /// Nothing to execute.
    NoCommand,
    /// The entry point of a capability cannot be replaced.
    Entrypoint,
    /// The working directory cannot be used.
    WorkingDirectory,
    /// A host and port outside of the ceiling.
    Egress,
    /// A folder outside of the ceiling.
    Mounts,
    /// A variable outside of the ceiling.
    Env,
    /// A secret outside of the ceiling.
    Secrets,
    /// A device outside of the ceiling.
    Devices,
    /// A Linux cap outside of the ceiling.
    LinuxCaps,
    /// A network of the project that the entry does not grant.
    Networks,
    /// An address to publish on that the entry does not grant.
    Publish,
    /// A volume of the project that the entry does not grant.
    Volumes,
    /// A build that the entry does not grant.
    Build,
    /// A limit above the ceiling.
    Limits,
    /// Something of a system of its own that nobody is given.
    System,
    /// Nobody here can hold a line of the plan.
    NotEnforced,
}

/// What kind of a no it is; the command line's exit codes follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenyKind {
    /// The policy says no.
    Policy,
    /// What was verified is not enough.
    NotVerified,
    /// The isolation or a control is not there.
    NotAvailable,
}

impl DenyCode {
    /// Every code, in order.
    pub const ALL: [Self; 32] = [
        Self::NoPolicy,
        Self::UnknownCapability,
        Self::NoEntry,
        Self::NoImageRule,
        Self::AmbiguousRule,
        Self::UnsatisfiableRule,
        Self::ForeignSigner,
        Self::OtherEvidence,
        Self::DigestNotListed,
        Self::Quorum,
        Self::Provenance,
        Self::Denied,
        Self::UnknownTier,
        Self::NoIsolation,
        Self::IsolationUnavailable,
        Self::Arguments,
        Self::NoCommand,
        Self::Entrypoint,
        Self::WorkingDirectory,
        Self::Egress,
        Self::Mounts,
        Self::Env,
        Self::Secrets,
        Self::Devices,
        Self::LinuxCaps,
        Self::Networks,
        Self::Publish,
        Self::Volumes,
        Self::Build,
        Self::Limits,
        Self::System,
        Self::NotEnforced,
    ];

    /// `PSD201` and so on; a code never changes its meaning.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoPolicy => "PSD201",
            Self::UnknownCapability => "PSD202",
            Self::NoEntry => "PSD203",
            Self::NoImageRule => "PSD204",
            Self::AmbiguousRule => "PSD205",
            Self::UnsatisfiableRule => "PSD206",
            Self::ForeignSigner => "PSD207",
            Self::OtherEvidence => "PSD208",
            Self::DigestNotListed => "PSD209",
            Self::Quorum => "PSD210",
            Self::Provenance => "PSD211",
            Self::Denied => "PSD212",
            Self::UnknownTier => "PSD220",
            Self::NoIsolation => "PSD221",
            Self::IsolationUnavailable => "PSD222",
            Self::Arguments => "PSD230",
            Self::NoCommand => "PSD231",
            Self::Entrypoint => "PSD232",
            Self::WorkingDirectory => "PSD233",
            Self::Egress => "PSD240",
            Self::Mounts => "PSD241",
            Self::Env => "PSD242",
            Self::Secrets => "PSD243",
            Self::Devices => "PSD244",
            Self::LinuxCaps => "PSD245",
            Self::Networks => "PSD246",
            Self::Publish => "PSD247",
            Self::Volumes => "PSD248",
            Self::Build => "PSD249",
            Self::Limits => "PSD250",
            Self::System => "PSD251",
            Self::NotEnforced => "PSD260",
        }
    }

    /// What kind of a no it is.
    pub const fn kind(self) -> DenyKind {
        match self {
            Self::OtherEvidence | Self::DigestNotListed | Self::Quorum | Self::Provenance | Self::Denied => {
                DenyKind::NotVerified
            }
            Self::IsolationUnavailable | Self::NotEnforced => DenyKind::NotAvailable,
            Self::NoPolicy
            | Self::UnknownCapability
            | Self::NoEntry
            | Self::NoImageRule
            | Self::AmbiguousRule
            | Self::UnsatisfiableRule
            | Self::ForeignSigner
            | Self::UnknownTier
            | Self::NoIsolation
            | Self::Arguments
            | Self::NoCommand
            | Self::Entrypoint
            | Self::WorkingDirectory
            | Self::Egress
            | Self::Mounts
            | Self::Env
            | Self::Secrets
            | Self::Devices
            | Self::LinuxCaps
            | Self::Networks
            | Self::Publish
            | Self::Volumes
            | Self::Build
            | Self::Limits
            | Self::System => DenyKind::Policy,
        }
    }
}

impl fmt::Display for DenyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for DenyCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One reason why a request is denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DenyReason {
    /// Its kind; reasons are ordered by it.
    pub code: DenyCode,
    /// The line of the explanation that it belongs to: `image`, `egress`, `memory`, …
    pub row: &'static str,
    /// What was wanted.
    pub wanted: String,
    /// What was found.
    pub found: String,
    /// The places in the policy that decided; never empty.
    pub spans: Vec<Span>,
    /// What would help.
    pub remedy: Option<String>,
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}: {}", self.code, self.row, self.wanted, self.found)
    }
}

/// All reasons of a denial, in order.
pub type Denial = NonEmpty<DenyReason>;

impl Denial {
    /// The denial of a caller who names neither a policy nor a signer.
    pub fn no_policy() -> Self {
        let start = Span { source: 0, start: 0, end: 0 };
        let reason = DenyReason::new(
            DenyCode::NoPolicy,
            "policy",
            "a policy, or a signer on the command line",
            "there is neither",
            [Some(start)],
        );
        Self::one(reason.remedy("write a policy (`perry-sandbox policy init`), or name a signer (--key)"))
    }
}

/// Collects reasons while a request is looked at.
#[derive(Debug)]
pub(crate) struct Reasons {
    reasons: Vec<DenyReason>,
    /// The place that is named where the policy says nothing: its beginning.
    anchor: Span,
}

impl Reasons {
    pub(crate) const fn new(anchor: Span) -> Self {
        Self { reasons: Vec::new(), anchor }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// Adds a reason that a caller can do something about.
    pub(crate) fn add(&mut self, mut reason: DenyReason) {
        if reason.spans.is_empty() {
            reason.spans.push(self.anchor);
        }
        self.reasons.push(reason);
    }

    /// The denial, if there is a reason.
    pub(crate) fn into_denial(mut self) -> Option<Denial> {
        self.reasons.sort();
        let mut merged: Vec<DenyReason> = Vec::with_capacity(self.reasons.len());
        for reason in self.reasons {
            match merged.last_mut() {
                // One thing may be found twice, at two places.
                Some(last) if last.says_the_same(&reason) => last.spans.extend(reason.spans),
                _ => merged.push(reason),
            }
        }
        for reason in &mut merged {
            reason.spans.sort_unstable();
            reason.spans.dedup();
        }
        NonEmpty::from_vec(merged)
    }
}

impl DenyReason {
    /// A reason; `spans` are the places in the policy that decided.
    pub(crate) fn new(
        code: DenyCode,
        row: &'static str,
        wanted: impl Into<String>,
        found: impl Into<String>,
        spans: impl IntoIterator<Item = Option<Span>>,
    ) -> Self {
        let spans = spans.into_iter().flatten().collect();
        Self { code, row, wanted: wanted.into(), found: found.into(), spans, remedy: None }
    }

    fn says_the_same(&self, other: &Self) -> bool {
        (self.code, self.row) == (other.code, other.row)
            && (&self.wanted, &self.found) == (&other.wanted, &other.found)
    }

    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_different_and_in_order() {
        let codes: Vec<_> = DenyCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(DenyCode::ALL.is_sorted());
    }
}
