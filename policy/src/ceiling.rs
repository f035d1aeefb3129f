//! Ceilings: the most that a tier allows, their order and their meet.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::at::At;
use crate::grants::Grants;
use crate::isolation::IsolationLevel;
use crate::limits::LimitCeiling;
use crate::pattern::first;
use crate::plan::{MemoryEnforcement, RootfsMode};
use crate::seccomp::SharedProfile;

/// Whether the program may be root inside; `non-root` is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserRule {
    /// Never user 0.
    NonRoot,
    /// Whatever the image says.
    Any,
}

impl fmt::Display for UserRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NonRoot => "non-root",
            Self::Any => "any",
        })
    }
}

/// Which walls a tier accepts, and in which order they are tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Isolation {
    /// Levels that may be used.
    pub accept: At<BTreeSet<IsolationLevel>>,
    /// Every preference that took part. They order and never forbid: what is accepted may be used.
    pub prefer: BTreeSet<Vec<IsolationLevel>>,
}

impl Isolation {
    /// The accepted levels in the order in which they are tried: as preferred, then the others, the strongest first.
    /// Preferences that contradict each other (after a meet) count for nothing.
    pub fn order(&self) -> Vec<IsolationLevel> {
        let accepted = |level: &IsolationLevel| self.accept.value.contains(level);
        let preferences: BTreeSet<Vec<_>> = self
            .prefer
            .iter()
            .map(|list| list.iter().copied().filter(accepted).collect::<Vec<_>>())
            .filter(|list| !list.is_empty())
            .collect();
        let mut order = match (preferences.len(), preferences.first()) {
            (1, Some(only)) => only.clone(),
            _ => Vec::new(),
        };
        let rest: Vec<_> =
            self.accept.value.iter().rev().filter(|level| !order.contains(level)).copied().collect();
        order.extend(rest);
        order
    }

    fn meet(&self, other: &Self) -> Self {
        let both = self.accept.value.intersection(&other.accept.value).copied().collect();
        let span = match (both == self.accept.value, both == other.accept.value) {
            (true, false) => self.accept.span,
            (false, true) => other.accept.span,
            (true, true) | (false, false) => first(self.accept.span, other.accept.span),
        };
        Self { accept: At { value: both, span }, prefer: self.prefer.union(&other.prefer).cloned().collect() }
    }
}

/// Patterns of a set that was met from others.
const MOST_PAIRS: usize = 2048;

/// The most that a tier allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ceiling {
    /// Which walls.
    pub isolation: Isolation,
    /// How the root file system may be mounted.
    pub rootfs: At<RootfsMode>,
    /// Whether the program may be root inside.
    pub user: At<UserRule>,
    /// The widest seccomp profile.
    #[serde(serialize_with = "by_digest")]
    pub seccomp: At<SharedProfile>,
    /// The weakest way to hold the memory limit.
    pub memory_enforcement: At<MemoryEnforcement>,
    /// Everything that may be granted.
    pub grants: Grants,
    /// The greatest limits.
    pub limits: LimitCeiling,
}

/// A profile is in a policy's digest by its name and its own digest.
fn by_digest<S: serde::Serializer>(profile: &At<SharedProfile>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Named {
        name: String,
        digest: String,
    }
    let profile = &profile.value;
    Named { name: profile.name().to_string(), digest: profile.digest_text() }.serialize(serializer)
}

impl Ceiling {
    /// The tightest common part of both.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            isolation: self.isolation.meet(&other.isolation),
            rootfs: self.rootfs.least(&other.rootfs),
            user: self.user.least(&other.user),
            seccomp: meet_seccomp(&self.seccomp, &other.seccomp),
            memory_enforcement: self.memory_enforcement.least(&other.memory_enforcement),
            grants: self.grants.meet(&other.grants),
            limits: self.limits.meet(&other.limits),
        }
    }

    /// Whether it has more patterns than a meet of two should be asked to pair. Only hosts and ports can grow so.
    pub(crate) fn is_too_large(&self) -> bool {
        self.grants.egress.len() > MOST_PAIRS
    }

    /// Whether this one allows nothing that `other` does not.
    pub fn is_within(&self, other: &Self) -> bool {
        self.isolation.accept.value.is_subset(&other.isolation.accept.value)
            && self.rootfs.value <= other.rootfs.value
            && self.user.value <= other.user.value
            && self.memory_enforcement.value <= other.memory_enforcement.value
            && self.limits.is_within(&other.limits)
            && self.grants.is_within(&other.grants)
            && self.seccomp.value.is_within(&other.seccomp.value)
    }
}

fn meet_seccomp(a: &At<SharedProfile>, b: &At<SharedProfile>) -> At<SharedProfile> {
    match (a.value.is_within(&b.value), b.value.is_within(&a.value)) {
        (true, false) => a.clone(),
        (false, true) => b.clone(),
        // Two that admit the same: the first by name, then by digest, so that the order of files changes nothing.
        (true, true) => {
            let named_first = if a.value.comes_first(&b.value) { a } else { b };
            At { value: named_first.value.clone(), span: first(a.span, b.span) }
        }
        (false, false) => At { value: a.value.meet(&b.value), span: first(a.span, b.span) },
    }
}
