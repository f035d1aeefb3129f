//! The entries of a policy: image rules, capabilities, services, ad-hoc runs, exceptions, audit.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use perry_sandbox_reference::{Digest, Repository};
use serde::Serialize;

use crate::at::At;
use crate::build::BuildGrant;
use crate::grants::{Grants, ProjectGrants};
use crate::isolation::IsolationLevel;
use crate::limits::EntryLimits;
use crate::names::{ImageRuleName, SignerName, TierName};
use crate::pattern::PatternError;
use crate::predicate::PredicateRule;
use crate::project::ServiceName;
use crate::quantity::WallTime;
use crate::quorum::Quorum;
use crate::requirement::LogRule;
use crate::source::Span;
use crate::window::Moment;

/// Which images, and whose signature each needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageRule {
    /// This repository, and what lies below it by whole components.
    pub repository: At<Repository>,
    /// If present, only these digests.
    pub digests: Option<At<BTreeSet<Digest>>>,
    /// Who must have signed.
    #[serde(flatten)]
    pub quorum: Quorum,
    /// An attestation that must be there as well.
    pub provenance: Option<At<Provenance>>,
    /// The oldest signature that counts.
    pub max_age: Option<At<WallTime>>,
    /// Whether a key's signature needs a log entry.
    pub log: At<LogRule>,
    /// No signature counts that was made before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_after: Option<At<Moment>>,
    /// Annotations that a signature itself must carry.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, At<String>>,
    /// Which repository the signature must name.
    #[serde(skip_serializing_if = "is_exact")]
    pub signed_as: At<SignedAs>,
    /// The repository that this one mirrors: signatures name it instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror_of: Option<At<Repository>>,
    /// How long a verification may take, from the image's name to the verdict.
    #[serde(skip_serializing_if = "is_usual_time")]
    pub verify_timeout: At<WallTime>,
    /// The rule as it would be with other demands, for an answer that is told and decides nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<At<Box<ImageRule>>>,
}

/// Which repository a signature must name; smaller is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignedAs {
    /// The very repository that the image is fetched from.
    Exact,
    /// The image rule's repository, or one below it.
    Prefix,
    /// Any.
    Ignore,
}

fn is_exact(signed_as: &At<SignedAs>) -> bool {
    signed_as.value == SignedAs::Exact
}

fn is_usual_time(time: &At<WallTime>) -> bool {
    time.value == WallTime::VERIFY_TIMEOUT
}

/// An attestation of this predicate type by one of these signers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The predicate type, exact.
    pub predicate: String,
    /// Any one of these.
    pub by: BTreeSet<SignerName>,
    /// What the predicate must say.
    #[serde(skip_serializing_if = "PredicateRule::is_empty")]
    pub says: PredicateRule,
}

impl ImageRule {
    /// Whether the rule is about this repository, by whole path components.
    pub fn covers(&self, repository: &Repository) -> bool {
        lies_within(repository, &self.repository.value)
    }

    /// How many path components the rule names: of two rules that cover an image, the one with more applies.
    pub fn specificity(&self) -> usize {
        self.repository.value.path().split('/').count()
    }
}

/// Whether `inner` is `outer`, or lies below it by whole path components.
pub(crate) fn lies_within(inner: &Repository, outer: &Repository) -> bool {
    inner.registry() == outer.registry()
        && inner
            .path()
            .strip_prefix(outer.path())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The tiers of an entry: one as written, several after files were composed. The meet of all applies.
pub type Tiers = At<BTreeSet<TierName>>;

/// What may be run, and the least that it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capability {
    /// Its ceiling.
    pub tiers: Tiers,
    /// The image rule.
    pub image: At<ImageRuleName>,
    /// Program and fixed arguments.
    pub command: At<Vec<String>>,
    /// What a caller may add; nothing where absent.
    pub args: Option<At<ArgLimits>>,
    /// How many sandboxes of it a launcher process keeps ready; none where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm: Option<At<NonZeroU32>>,
    /// What it may touch.
    pub grants: Grants,
    /// Limits below the tier's.
    pub limits: EntryLimits,
}

/// How many arguments, and how long each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ArgLimits {
    /// The greatest number.
    pub max: NonZeroU32,
    /// The greatest length of each, in bytes.
    pub each_max: NonZeroU32,
}

/// A compose service or workload node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Its ceiling.
    pub tiers: Tiers,
    /// Image rules that may be used; any where absent.
    pub images: Option<At<BTreeSet<ImageRuleName>>>,
    /// What it may touch.
    pub grants: Grants,
    /// What it may touch of its project.
    pub project: ProjectGrants,
    /// Limits below the tier's.
    pub limits: EntryLimits,
    /// What may be built for it here; nothing where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildGrant>,
}

impl Service {
    /// What a service gets that no entry names: the tier `isolated` and no grant.
    pub(crate) fn baseline(isolated: &TierName) -> Self {
        Self {
            tiers: At::nowhere(BTreeSet::from([isolated.clone()])),
            images: None,
            grants: Grants::default(),
            project: ProjectGrants::default(),
            limits: EntryLimits::default(),
            build: None,
        }
    }
}

/// Which services an entry is for: `project/name`, or `project/*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServicePattern {
    project: String,
    /// Nothing stands for every service of the project.
    name: Option<String>,
}

impl ServicePattern {
    /// Whether the pattern is for this service.
    pub fn matches(&self, service: &ServiceName) -> bool {
        service.project() == self.project && self.name.as_deref().is_none_or(|own| own == service.name())
    }

    /// Whether every service of `other` is one of this pattern.
    pub fn includes(&self, other: &Self) -> bool {
        self.project == other.project && (self.name.is_none() || self.name == other.name)
    }

    /// Whether it names one service only.
    pub const fn is_exact(&self) -> bool {
        self.name.is_some()
    }
}

impl FromStr for ServicePattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        const EXPECTED: &str =
            "a service: expected `project/name` or `project/*`, each of a-z, 0-9, `.`, `_`, `-`";
        let refuse = || PatternError::new(text, EXPECTED);
        // Projects and services have the grammar of a policy's names.
        let part = |part: &str| part.parse::<TierName>().map(String::from).map_err(|_| refuse());
        let (project, name) = text.split_once('/').ok_or_else(refuse)?;
        let name = if name == "*" { None } else { Some(part(name)?) };
        Ok(Self { project: part(project)?, name })
    }
}

impl fmt::Display for ServicePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.name.as_deref().unwrap_or("*"))
    }
}

crate::pattern::serialize_as_text!(ServicePattern);

/// Images that may be run without a capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdHoc {
    /// The widest tier.
    pub tiers: Tiers,
    /// Image rules that may be used.
    pub images: At<BTreeSet<ImageRuleName>>,
}

/// A named, owned, expiring way out: on one host, one tier accepts further isolation levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Exception {
    /// The tier.
    pub tier: TierName,
    /// Levels that it accepts besides its own.
    pub isolation: BTreeSet<IsolationLevel>,
    /// The host.
    pub host: String,
    /// Why.
    pub reason: String,
    /// Whom to ask.
    pub owner: String,
    /// The last day on which it holds, in UTC: from the first second of the next day it is as if absent.
    #[serde(serialize_with = "crate::pattern::as_text")]
    pub until: jiff::civil::Date,
    /// Where it is written.
    #[serde(skip)]
    pub span: Option<Span>,
}

impl Exception {
    /// Whether it still holds at `now`.
    pub fn holds_at(&self, now: jiff::Timestamp) -> bool {
        now.to_zoned(jiff::tz::TimeZone::UTC).date() <= self.until
    }
}

/// What is written down about every decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Whether there is a trail.
    pub log: AuditLog,
    /// What each line holds.
    pub include: BTreeSet<AuditField>,
}

/// Whether there is a trail; `chained` is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditLog {
    /// Hash-chained JSON lines; a run whose line cannot be written is denied.
    Chained,
    /// None.
    Off,
}

/// A part of a line of the trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditField {
    /// The verdict and its reason codes.
    Decision,
    /// The whole explanation.
    Explain,
    /// What the run used.
    ResourceUse,
    /// The values of arguments; never those of secrets.
    Arguments,
}

impl Default for Audit {
    /// Without `[audit]`: a chained trail of decisions.
    fn default() -> Self {
        Self { log: AuditLog::Chained, include: BTreeSet::from([AuditField::Decision]) }
    }
}
