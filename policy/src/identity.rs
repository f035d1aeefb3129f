//! Patterns for who an issuer vouched for, and the claims of whom two rules mean.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::expression::Expression;

/// A pattern for an OIDC issuer. always anchored at both ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum IssuerPattern {
    /// This issuer, byte for byte.
    Exact(String),
    /// A regular expression that must match the whole issuer.
    WholeRegexp(Expression),
}

impl IssuerPattern {
    /// The text of the pattern.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(text) => text,
            Self::WholeRegexp(expression) => expression.as_str(),
        }
    }

    /// Whether the pattern matches the whole of `issuer`.
    pub fn matches(&self, issuer: &str) -> bool {
        match self {
            Self::Exact(text) => text == issuer,
            Self::WholeRegexp(expression) => expression.matches(issuer),
        }
    }

    /// The one of two patterns that the other one includes; nothing where neither surely does.
    pub(crate) fn narrower<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        match (self, other) {
            (_, Self::Exact(issuer)) if self.matches(issuer) => Some(other),
            (Self::Exact(issuer), _) if other.matches(issuer) => Some(self),
            _ => (self == other).then_some(self),
        }
    }
}

/// A pattern for a certificate's subject, always anchored at both ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubjectPattern {
    /// This subject, byte for byte.
    Exact(String),
    /// Text in which `*` stands for any run of characters without `/`.
    Star(String),
    /// A regular expression that must match the whole subject.
    WholeRegexp(Expression),
}

impl SubjectPattern {
    /// The pattern that a policy writes: `*` stands for any run of characters without `/`.
    pub fn from_policy(text: &str) -> Self {
        if text.contains('*') { Self::Star(text.to_owned()) } else { Self::Exact(text.to_owned()) }
    }

    /// The text of the pattern.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Star(text) => text,
            Self::WholeRegexp(expression) => expression.as_str(),
        }
    }

    /// Whether the pattern matches the whole of `subject`.
    pub fn matches(&self, subject: &str) -> bool {
        match self {
            Self::Exact(text) => text == subject,
            Self::Star(pattern) => star_matches(pattern.as_bytes(), subject.as_bytes()),
            Self::WholeRegexp(expression) => expression.matches(subject),
        }
    }

    /// Whether every subject that `inner` matches is surely matched by this pattern.
    pub(crate) fn includes(&self, inner: &Self) -> bool {
        match (self, inner) {
            // What an expression includes besides itself and single texts is not looked into.
            (Self::WholeRegexp(_), Self::Star(_)) | (_, Self::WholeRegexp(_)) => self == inner,
            // A star of the inner pattern is text that only a star of the outer one can swallow, so matching the
            // pattern itself decides inclusion.
            (_, Self::Exact(text) | Self::Star(text)) => self.matches(text),
        }
    }

    /// The one of two patterns that the other one includes; nothing where neither surely does.
    pub(crate) fn narrower<'a>(&'a self, other: &'a Self) -> Option<&'a Self> {
        if self.includes(other) { Some(other) } else { other.includes(self).then_some(self) }
    }
}

/// The claims of two signers who are meant to be one: all of both; nothing where they ask for two values of one claim.
pub(crate) fn claims_of_both(
    a: &BTreeMap<String, String>,
    b: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    let differ = a.iter().any(|(name, value)| b.get(name).is_some_and(|other| other != value));
    (!differ).then(|| a.iter().chain(b).map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// Glob match in linear space and `O(pattern × text)` time; `*` never matches `/`.
fn star_matches(pattern: &[u8], text: &[u8]) -> bool {
    // `reach[i]`: the pattern read so far can end just before text byte `i`.
    let mut reach = vec![false; text.len().saturating_add(1)];
    if let Some(first) = reach.first_mut() {
        *first = true;
    }
    for want in pattern {
        let mut next = vec![false; reach.len()];
        let mut open = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let before = at.checked_sub(1).and_then(|i| text.get(i));
            if *want == b'*' {
                open = reach.get(at).is_some_and(|r| *r) || (open && before != Some(&b'/'));
                *slot = open;
            } else {
                let reached = at.checked_sub(1).and_then(|i| reach.get(i)).is_some_and(|r| *r);
                *slot = reached && before == Some(want);
            }
        }
        reach = next;
    }
    reach.last().is_some_and(|r| *r)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stops_at_a_slash_and_is_anchored() {
        let pattern =
            SubjectPattern::Star("https://h/acme/tools/.github/workflows/release.yml@refs/tags/v*".into());
        let matches = |text: &str| pattern.matches(text);
        assert!(matches("https://h/acme/tools/.github/workflows/release.yml@refs/tags/v1.2"));
        assert!(matches("https://h/acme/tools/.github/workflows/release.yml@refs/tags/v"));
        assert!(!matches("https://h/acme/tools/.github/workflows/release.yml@refs/tags/v1/x"));
        assert!(!matches("https://h/acme/tools/.github/workflows/release.yml@refs/heads/v1"));
        assert!(!matches("xhttps://h/acme/tools/.github/workflows/release.yml@refs/tags/v1"));
    }

    #[test]
    fn stars_in_the_middle_backtrack() {
        let pattern = SubjectPattern::Star("a*b*c".into());
        assert!(pattern.matches("aXbbYc"));
        assert!(!pattern.matches("aXc"));
        assert!(!pattern.matches("ab/c"));
    }

    #[test]
    fn an_expression_includes_what_it_matches_and_itself_and_no_star() {
        let regexp = |text: &str| SubjectPattern::WholeRegexp(Expression::new(text).unwrap());
        let exact = |text: &str| SubjectPattern::Exact(text.to_owned());
        let star = |text: &str| SubjectPattern::Star(text.to_owned());
        assert!(regexp("a.*").includes(&exact("ab")) && !regexp("a.*").includes(&exact("b")));
        assert!(regexp("a.*").includes(&regexp("a.*")) && !regexp("a.*").includes(&regexp("ab")));
        // As text it matches the star pattern; what the star stands for it need not match.
        assert!(regexp("a\\*").matches("a*") && !regexp("a\\*").includes(&star("a*")));
        assert!(!star("a*").includes(&regexp("ab")));
        assert_eq!(star("a*").narrower(&regexp("a.*")), None);
        assert_eq!(exact("ab").narrower(&regexp("a.*")), Some(&exact("ab")));
        let issuer = |text: &str| IssuerPattern::WholeRegexp(Expression::new(text).unwrap());
        let exactly = IssuerPattern::Exact("ab".to_owned());
        assert_eq!(issuer("a.*").narrower(&exactly), Some(&exactly));
        assert_eq!(exactly.narrower(&issuer("a.*")), Some(&exactly));
        assert_eq!(exactly.narrower(&issuer("b.*")), None);
        assert_eq!(issuer("a").narrower(&issuer("a|b")), None);
    }
}
