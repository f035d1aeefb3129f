//! What the predicate of an attestation must say: typed for SLSA provenance, by JSON pointer for anything.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::identity::SubjectPattern;

/// The SLSA provenance predicate types whose fields are known.
pub const SLSA_PREDICATES: [&str; 2] = ["https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"];

/// What must hold of a predicate; nothing is asked by an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PredicateRule {
    /// The builder's id; `*` stops at `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder: Option<SubjectPattern>,
    /// The source repository, exact, without `git+` and without a ref.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The source's ref, such as `refs/tags/v*`; `*` stops at `/`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<SubjectPattern>,
    /// The build type, exact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_type: Option<String>,
    /// Further conditions; all must hold.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub conditions: BTreeSet<Condition>,
}

/// A place of the predicate and the values that it may have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Condition {
    /// A JSON pointer (RFC 6901) into the predicate.
    pub at: String,
    /// The value must be one of these: text as it is, numbers and `true` and `false` by their JSON text.
    pub one_of: BTreeSet<String>,
}

impl PredicateRule {
    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        !self.needs_slsa() && self.conditions.is_empty()
    }

    /// Whether a field is asked for that only SLSA provenance has.
    pub const fn needs_slsa(&self) -> bool {
        self.builder.is_some()
            || self.source.is_some()
            || self.source_ref.is_some()
            || self.build_type.is_some()
    }

    /// What both ask; nothing where no predicate could satisfy both, or where that cannot be told.
    pub(crate) fn meet(&self, other: &Self) -> Option<Self> {
        let pattern = |a: &Option<SubjectPattern>, b: &Option<SubjectPattern>| match (a, b) {
            (Some(a), Some(b)) => a.narrower(b).map(|narrower| Some(narrower.clone())),
            (one, other) => Some(one.clone().or_else(|| other.clone())),
        };
        let exact = |a: &Option<String>, b: &Option<String>| match (a, b) {
            (Some(a), Some(b)) if a != b => None,
            (one, other) => Some(one.clone().or_else(|| other.clone())),
        };
        Some(Self {
            builder: pattern(&self.builder, &other.builder)?,
            source: exact(&self.source, &other.source)?,
            source_ref: pattern(&self.source_ref, &other.source_ref)?,
            build_type: exact(&self.build_type, &other.build_type)?,
            conditions: self.conditions.union(&other.conditions).cloned().collect(),
        })
    }
}

/// Whether some text is a JSON pointer: empty, or `/`-separated with `~0` and `~1` only.
pub(crate) fn is_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_begins_with_a_slash_and_escapes_two_characters() {
        for good in ["", "/", "/a/0", "/a~1b/~0"] {
            assert!(is_pointer(good), "{good}");
        }
        for bad in ["a", "a/b", "/~", "/~2"] {
            assert!(!is_pointer(bad), "{bad}");
        }
    }

    #[test]
    fn the_meet_asks_for_what_both_ask_for() {
        let star = |text: &str| Some(SubjectPattern::Star(text.to_owned()));
        let one = PredicateRule {
            builder: star("https://b/*"),
            source: Some("s".into()),
            ..PredicateRule::default()
        };
        let two = PredicateRule { builder: star("https://b/x*"), ..PredicateRule::default() };
        let met = one.meet(&two).unwrap();
        assert_eq!((met.builder.clone(), met.source.clone()), (two.builder.clone(), one.source.clone()));
        assert_eq!(one.meet(&two), two.meet(&one));
        let other = PredicateRule { source: Some("t".into()), ..PredicateRule::default() };
        assert_eq!(one.meet(&other), None);
    }
}
