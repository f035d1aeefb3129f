//! Where a policy's text comes from, and places in it.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// How a policy is written down; both spellings mean the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// TOML 1.1.
    Toml,
    /// Strict JSON: no comments, no trailing commas, no repeated keys.
    Json,
}

impl Format {
    /// The format that a file name stands for: JSON for `.json`, else TOML.
    pub fn of_name(name: &str) -> Self {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        if extension.is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            Self::Json
        } else {
            Self::Toml
        }
    }
}

/// What a policy file is called in messages and in calls of [`PolicyFiles`]: its path as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SourceName(String);

impl SourceName {
    /// The name as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for SourceName {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl From<&str> for SourceName {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One policy file, already in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySource {
    /// What it is called.
    pub name: SourceName,
    /// How it is written.
    pub format: Format,
    /// Its bytes; more than 1 MiB are refused.
    pub bytes: Vec<u8>,
}

impl PolicySource {
    /// A file of that name, in the format that the name stands for.
    pub fn new(name: impl Into<SourceName>, bytes: impl Into<Vec<u8>>) -> Self {
        let name = name.into();
        Self { format: Format::of_name(name.as_str()), name, bytes: bytes.into() }
    }
}

/// A byte range in one of the policy's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Which file: its place among the files in order of name.
    pub source: u32,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

/// A [`Span`] with the file's name and line, for people and for JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file.
    pub file: SourceName,
    /// The line, counted from 1.
    pub line: u32,
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The texts that a policy was made from, in the order of their names, so that the order in which files are
/// given changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    files: Vec<SourceText>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceText {
    name: SourceName,
    text: String,
    /// Offsets of the first byte of every line.
    lines: Vec<u32>,
}

impl Sources {
    /// Keeps the texts; the caller has sorted them by name.
    pub(crate) fn new(files: impl IntoIterator<Item = (SourceName, String)>) -> Self {
        let files = files
            .into_iter()
            .map(|(name, text)| {
                let after_breaks =
                    text.bytes().zip(1_u32..).filter(|(byte, _)| *byte == b'\n').map(|(_, next)| next);
                let lines = std::iter::once(0).chain(after_breaks).collect();
                SourceText { name, text, lines }
            })
            .collect();
        Self { files }
    }

    /// The file's name and text.
    pub(crate) fn file(&self, source: u32) -> Option<(&SourceName, &str)> {
        let file = self.files.get(usize::try_from(source).ok()?)?;
        Some((&file.name, &file.text))
    }

    /// The span with its file's name and line.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let file = self.files.get(usize::try_from(span.source).ok()?)?;
        let line = file.lines.partition_point(|start| *start <= span.start);
        let line = u32::try_from(line).ok()?;
        Some(Place { file: file.name.clone(), line, start: span.start, end: span.end })
    }
}

/// Reads the files that a policy names: trust roots and public keys.
///
/// The policy crate touches no files; whoever implements this refuses a file that others can write, or that lies
/// in a folder that others can write, and resolves a relative `path` against the folder of `policy`.
pub trait PolicyFiles {
    /// The bytes of the file that `policy` calls `path`.
    fn read(&self, policy: &SourceName, path: &str) -> Result<Vec<u8>, FileError>;

    /// The names and bytes of all files in the folder that `policy` calls `path`. Whatever else is in it is an error.
    fn read_folder(&self, policy: &SourceName, path: &str) -> Result<Vec<(String, Vec<u8>)>, FileError> {
        let _ = policy;
        Err(FileError::NoFiles { path: path.to_owned() })
    }
}

/// Why a file that a policy names cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    Unreadable {
        /// The path that was tried.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// Somebody else could change it.
    #[error("`{path}` can be changed by others: {reason}")]
    WritableByOthers {
        /// The path of the file or folder.
        path: String,
        /// Its mode or owner.
        reason: String,
    },
    /// Nothing can be read here at all.
    #[error("files cannot be read here, and `{path}` is one")]
    NoFiles {
        /// The path that was asked for.
        path: String,
    },
}

/// A [`PolicyFiles`] without any file: for policies that name none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl PolicyFiles for NoFiles {
    fn read(&self, _policy: &SourceName, path: &str) -> Result<Vec<u8>, FileError> {
        Err(FileError::NoFiles { path: path.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_the_line_of_its_first_byte() {
        let sources = Sources::new([("p.toml".into(), "a\nbc\n\nd".to_owned())]);
        let line = |start| sources.place(Span { source: 0, start, end: start }).unwrap().line;
        assert_eq!([line(0), line(1), line(2), line(5), line(6)], [1, 1, 2, 3, 4]);
        assert_eq!(sources.place(Span { source: 1, start: 0, end: 0 }), None);
    }
}
