//! One reason why one thing does not count: code, what was found, what was expected, what to do.

use std::fmt;

use serde::Serialize;

use crate::codes::Code;

/// The longest text that is taken over from a signature into a message, in characters.
const MAX_SHOWN: usize = 240;

/// One reason, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The permanent code.
    pub code: Code,
    /// The step of the check, e.g. `TIME`.
    pub step: &'static str,
    /// What is wrong, in one line.
    pub title: &'static str,
    /// What was found. Text from outside is escaped and shortened.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// What to do.
    pub remedy: &'static str,
    /// Whether the world broke (network, disk, time) rather than the signature: asking again may help.
    pub failure: bool,
}

impl Finding {
    /// A reason against a signature.
    pub(crate) fn new(code: Code, found: impl AsRef<str>, expected: impl AsRef<str>) -> Self {
        let text = code.explanation();
        Self {
            code,
            step: code.step(),
            title: text.title,
            found: shown(found.as_ref()),
            expected: shown(expected.as_ref()),
            remedy: text.remedy,
            failure: matches!(code, Code::FindUnreadable | Code::FindTimeRanOut),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.title)?;
        if !self.found.is_empty() {
            write!(f, "\n  found:    {}", self.found)?;
        }
        if !self.expected.is_empty() {
            write!(f, "\n  expected: {}", self.expected)?;
        }
        write!(f, "\n  do:       {}", self.remedy)
    }
}

/// Text from outside made harmless for terminals and logs, and short.
// SECURITY: a certificate or registry may put escape sequences or megabytes into a name.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at >= MAX_SHOWN {
            out.push('…');
            break;
        }
        // Direction marks reorder what is read; they count as control characters here.
        if c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_is_escaped_and_shortened() {
        assert_eq!(shown("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), MAX_SHOWN + 1);
    }
}
