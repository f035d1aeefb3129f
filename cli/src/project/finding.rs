//! What was found, and where.

use std::ops::Range;

use serde::Serialize;

/// A line beyond this is not shown.
const LONGEST_LINE: usize = 400;

/// What kind of finding it is; scripts can rely on the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    /// A module whose functions compile and do nothing.
    DeadImport,
    /// A variable that changes something in Perry's own modules and nothing here.
    VariableWithoutEffect,
    /// `@perry-sandbox/perry` is used and `package.json` does not name it.
    DependencyMissing,
    /// The compiler will stop: the host application has not allowed the native library.
    NativeLibraryNotAllowed,
    /// The compiler will stop: lockdown forbids every native library.
    Lockdown,
    /// A subpath of `@perry-sandbox/perry`, which the compiler takes for another library.
    Subpath,
    /// The migration shim is installed and not set up.
    ShimNotActive,
}

impl Code {
    /// The name that scripts see.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DeadImport => "dead-import",
            Self::VariableWithoutEffect => "variable-without-effect",
            Self::DependencyMissing => "dependency-missing",
            Self::NativeLibraryNotAllowed => "native-library-not-allowed",
            Self::Lockdown => "lockdown",
            Self::Subpath => "subpath",
            Self::ShimNotActive => "shim-not-active",
        }
    }
}

/// One thing that does not do what it looks like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Finding {
    /// Which kind.
    pub(super) code: Code,
    /// Where.
    #[serde(flatten)]
    pub(super) place: Place,
    /// What is the matter.
    pub(super) message: String,
    /// The same, short, for under the line.
    #[serde(skip)]
    pub(super) label: String,
    /// What to write instead, line by line.
    pub(super) help: Vec<String>,
    /// The line that replaces the import, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replacement: Option<String>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Place {
    /// The file, below the project's folder.
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
    /// From 1, in characters.
    pub(super) column: usize,
    /// The line itself, where people can read it.
    #[serde(skip)]
    pub(super) excerpt: Option<Excerpt>,
}

/// A line, and the part of it that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) line: String,
    pub(super) span: Range<usize>,
}

/// A text whose places are wanted in order.
#[derive(Debug)]
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    /// The line that was counted last: its number, and where it begins.
    counted: (usize, usize),
}

impl<'a> Source<'a> {
    /// A text of that file.
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self { file, text, counted: (1, 0) }
    }

    /// The place of that part of the text.
    pub(super) fn place(&mut self, span: &Range<usize>) -> Place {
        let start = span.start.min(self.text.len());
        if start < self.counted.1 {
            self.counted = (1, 0);
        }
        let (mut number, mut begin) = self.counted;
        while let Some(end) = self.text.get(begin..start).and_then(|before| before.find('\n')) {
            begin = begin.saturating_add(end).saturating_add(1);
            number = number.saturating_add(1);
        }
        self.counted = (number, begin);
        let column = self.text.get(begin..start).map_or(0, |before| before.chars().count()).saturating_add(1);
        let rest = self.text.get(begin..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let inside = start.saturating_sub(begin)..span.end.saturating_sub(begin).min(line.len());
        let excerpt = (line.len() <= LONGEST_LINE && line.get(inside.clone()).is_some())
            .then(|| Excerpt { line: line.to_owned(), span: inside });
        Place { file: self.file.to_owned(), line: number, column, excerpt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "a\r\nbé c\n\nd";
        let mut source = Source::new("f", text);
        let at = |source: &mut Source<'_>, word: &str| {
            let start = text.find(word).unwrap();
            let place = source.place(&(start..start + word.len()));
            (place.line, place.column, place.excerpt.unwrap().line)
        };
        assert_eq!(at(&mut source, "d"), (4, 1, "d".to_owned()));
        assert_eq!(at(&mut source, "c"), (2, 4, "bé c".to_owned()));
        assert_eq!(at(&mut source, "a"), (1, 1, "a".to_owned()));
    }

    #[test]
    fn a_line_that_nobody_can_read_is_not_shown() {
        let text = "x".repeat(LONGEST_LINE + 1);
        assert_eq!(Source::new("f", &text).place(&(3..4)).excerpt, None);
    }
}
