//! A command line as a text with the place of each word.

use std::borrow::Cow;
use std::ops::Range;

/// A word as a shell would have to be given it.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_=:/.,@%+~^[]{}*?$<>\u{ab}\u{bb}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// The words, and the text that they make.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    /// The text.
    pub(crate) text: String,
    /// The words, and where each stands in the text.
    pub(crate) list: Vec<(String, Range<usize>)>,
}

impl Words {
    /// Joins words to a text.
    pub(crate) fn of(words: &[String]) -> Self {
        let mut made = Self::default();
        for word in words {
            if !made.text.is_empty() {
                made.text.push(' ');
            }
            let start = made.text.len();
            made.text.push_str(&quoted(word));
            made.list.push((word.clone(), start..made.text.len()));
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_part_are_quoted() {
        let words = Words::of(&["docker".into(), "it's a".into(), String::new()]);
        assert_eq!(words.text, r"docker 'it'\''s a' ''");
        assert_eq!(words.list[1].1, 7..18);
    }
}
