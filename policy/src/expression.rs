//! Regular expressions for identities: they match the whole text, in linear time.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde::{Serialize, Serializer};
use thiserror::Error;

/// Longest expression, in bytes.
const MAX_BYTES: usize = 4096;
/// Largest compiled form, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// A regular expression that was compiled, and that matches the whole of a text or nothing.
///
/// Two of them are the same if they are written the same way.
#[derive(Clone)]
pub struct Expression {
    text: String,
    whole: Arc<Regex>,
}

/// Why some text is no expression that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// Longer than is read.
    #[error("the expression has {bytes} bytes, and at most {MAX_BYTES} are read: write a simpler one")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// What it stands for is too large.
    #[error(
        "the expression compiles to more than {MAX_COMPILED} bytes: use smaller repetitions, or fewer of them"
    )]
    TooLarge,
    /// It is no regular expression.
    #[error("this is no regular expression: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
}

impl From<regex::Error> for ExpressionError {
    fn from(error: regex::Error) -> Self {
        if matches!(error, regex::Error::CompiledTooBig(_)) {
            return Self::TooLarge;
        }
        // The lines before the last one draw the expression.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim();
        Self::Malformed { problem: last.trim_start_matches("error: ").to_owned() }
    }
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It is too long, compiles to too much, or is none.
    // SECURITY: cosign's own expression is a substring match, so `https://github.com/acme/app` accepts
    // `https://github.com/acme/app-evil/…` there.
    pub fn new(text: impl Into<String>) -> Result<Self, ExpressionError> {
        let text = text.into();
        if text.len() > MAX_BYTES {
            return Err(ExpressionError::TooLong { bytes: text.len() });
        }
        let build = |text: &str| RegexBuilder::new(text).size_limit(MAX_COMPILED).build();
        // It must be complete by itself, so that it cannot close the group that anchors it. Neither `^` and `$` of the
        // `m` flag nor `.` of the `s` flag move `\A` and `\z`.
        build(&text)?;
        let whole = match build(&format!("\\A(?:{text})\\z")) {
            Ok(whole) => whole,
            // A comment of the `x` flag hides the closing bracket, and a line break ends it; elsewhere the break would
            // be part of the expression.
            Err(_) => build(&format!("\\A(?:{text}\n)\\z"))?,
        };
        Ok(Self { text, whole: Arc::new(whole) })
    }

    /// Whether it matches all of `text`.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// The expression as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it accepts identities that have nothing in common, so that it says nothing about who signed.
    pub(crate) fn is_for_anybody(&self) -> bool {
        ["a@b.example", "https://c.test/d/e@f", "ssh://1.2.3.4:5/6"].iter().all(|text| self.matches(text))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({:?})", self.text)
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl PartialOrd for Expression {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Expression {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "https://github.com/acme/app/w.yml@refs/heads/main";

    fn matches(expression: &str, text: &str) -> bool {
        Expression::new(expression).unwrap().matches(text)
    }

    #[test]
    fn an_expression_matches_the_whole_subject_only() {
        assert!(matches("https://github\\.com/acme/.*", SUBJECT));
        assert!(!matches("https://github\\.com/acme/app", SUBJECT));
        assert!(!matches("github\\.com/acme/.*", SUBJECT));
        assert!(!matches("", SUBJECT) && matches("", ""));
    }

    #[test]
    fn an_alternation_is_anchored_as_a_whole() {
        assert!(matches("a|b", "a") && matches("a|b", "b"));
        for longer in ["ab", "ax", "xb", "a\n", "\nb"] {
            assert!(!matches("a|b", longer), "{longer:?}");
        }
        assert!(matches("x|https://github\\.com/acme/.*", SUBJECT));
        assert!(!matches("nothing|https://github", SUBJECT));
        // The longer alternative counts although the shorter one matches first.
        assert!(matches("a|ab", "ab"));
    }

    #[test]
    fn a_line_break_ends_nothing() {
        let evil = format!("{SUBJECT}\nevil");
        for expression in [
            "https://github\\.com/acme/.*",
            "(?m)https://github\\.com/acme/.*$",
            "(?m)^https://github\\.com/acme/.*$",
            "^https://github\\.com/acme/.*$",
        ] {
            assert!(matches(expression, SUBJECT), "{expression}");
            assert!(!matches(expression, &evil), "{expression}");
            assert!(!matches(expression, &format!("{SUBJECT}\n")), "{expression}");
            assert!(!matches(expression, &format!("evil\n{SUBJECT}")), "{expression}");
        }
    }

    #[test]
    fn an_expression_cannot_leave_its_anchors() {
        assert!(matches!(Expression::new("nothing)|(?:https"), Err(ExpressionError::Malformed { .. })));
        assert!(!matches("(?m)^https://github.com", SUBJECT));
        assert!(!matches("(?x)https://github.com # tail", SUBJECT));
        assert!(matches("(?x)https://github\\.com/.* # tail", SUBJECT));
        assert!(!matches("(?x)nothing # )|(?:.*", SUBJECT));
    }

    #[test]
    fn what_is_too_long_or_compiles_to_too_much_is_refused() {
        assert_eq!(Expression::new("a{1000}{1000}{1000}"), Err(ExpressionError::TooLarge));
        assert_eq!(Expression::new("(a{1000}){1000}"), Err(ExpressionError::TooLarge));
        // Some MiB: less than what the library itself refuses.
        assert_eq!(Expression::new("(ab){40000}"), Err(ExpressionError::TooLarge));
        assert_eq!(Expression::new("a".repeat(4097)), Err(ExpressionError::TooLong { bytes: 4097 }));
        assert!(Expression::new("a".repeat(4096)).is_ok());
        // Neither look-around nor references back, which need more than linear time.
        for text in ["(a)\\1", "(?=a)a", "(?<!a)b", "(", "["] {
            let error = Expression::new(text).unwrap_err();
            assert!(matches!(error, ExpressionError::Malformed { .. }), "{text}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_would_take_exponential_time_elsewhere_takes_none_here() {
        let text = "a".repeat(20_000);
        assert!(!matches("(a*)*b", &text));
        assert!(!matches("(a|a)*b", &text));
    }

    #[test]
    fn an_expression_for_anybody_is_known() {
        for text in [".*", ".+", "(?s).*", "[^\\n]*", "a|.*", "(x|.)+"] {
            assert!(Expression::new(text).unwrap().is_for_anybody(), "{text}");
        }
        for text in ["https://github\\.com/acme/.*", ".*@b\\.example", "https://.*"] {
            assert!(!Expression::new(text).unwrap().is_for_anybody(), "{text}");
        }
    }
}
