//! Names of entries, as relative paths that go down only.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::error::EntryFault;
use crate::limits::UnpackLimits;

/// The longest name of one file on Linux.
const MAX_NAME: usize = 255;

/// A path below the root: components joined by `/`, without `.`, `..`, or empty ones. Empty for the root.
///
/// INVARIANT: made only by [`EntryPath::parse`], [`EntryPath::split`] and [`EntryPath::join`], so it cannot
/// name anything above the root.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EntryPath(Vec<u8>);

impl EntryPath {
    /// Reads an entry's name. A leading `./` and doubled or trailing slashes are dropped.
    ///
    /// # Errors
    /// [`EntryFault`] for `..`, absolute names, zero bytes, and what is longer or deeper than the limits.
    pub(crate) fn parse(name: &[u8], limits: &UnpackLimits) -> Result<Self, EntryFault> {
        // A lone `/` is how some builders write the root directory itself.
        if name.starts_with(b"/") && name.iter().any(|b| *b != b'/') {
            return Err(EntryFault::Absolute);
        }
        if name.contains(&0) {
            return Err(EntryFault::Nul);
        }
        if name.is_empty() || name.len() > limits.path {
            return Err(EntryFault::Length);
        }
        let mut path = Vec::with_capacity(name.len());
        let mut depth = 0_usize;
        for part in name.split(|b| *b == b'/') {
            match part {
                b"" | b"." => continue,
                b".." => return Err(EntryFault::Parent),
                long if long.len() > MAX_NAME => return Err(EntryFault::Length),
                _ => {}
            }
            depth = depth.saturating_add(1);
            if depth > limits.depth {
                return Err(EntryFault::Depth);
            }
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(part);
        }
        Ok(Self(path))
    }

    /// Whether it is the root.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory that it lies in and its own name; `None` for the root.
    pub(crate) fn split(&self) -> Option<(Self, &OsStr)> {
        if self.is_root() {
            return None;
        }
        let slash = self.0.iter().rposition(|b| *b == b'/');
        let (parent, name) = match slash {
            Some(at) => (self.0.get(..at)?, self.0.get(at.checked_add(1)?..)?),
            None => (self.0.get(..0)?, self.0.as_slice()),
        };
        Some((Self(parent.to_vec()), OsStr::from_bytes(name)))
    }

    /// A child by a single name that is already on disk.
    pub(crate) fn join(&self, name: &OsStr) -> Self {
        let mut path = self.0.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.as_bytes());
        Self(path)
    }

    /// The components, top first.
    pub(crate) fn components(&self) -> impl Iterator<Item = &OsStr> {
        self.0.split(|b| *b == b'/').filter(|part| !part.is_empty()).map(OsStr::from_bytes)
    }

    /// The path for system calls that take one below a directory handle; `.` for the root.
    pub(crate) fn as_path(&self) -> &Path {
        if self.is_root() { Path::new(".") } else { Path::new(OsStr::from_bytes(&self.0)) }
    }

    /// The two ends between which all paths strictly below this one sort.
    pub(crate) fn below(&self) -> (Self, Self) {
        let with = |last: u8| {
            let mut path = self.0.clone();
            path.push(last);
            Self(path)
        };
        // `0` is the byte after `/`.
        (with(b'/'), with(b'0'))
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// A hostile name, quoted, with control characters escaped, and shortened.
pub(crate) fn shown(name: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(name).chars().take(120).collect();
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str) -> Result<EntryPath, EntryFault> {
        EntryPath::parse(name.as_bytes(), &UnpackLimits::default())
    }

    #[test]
    fn ordinary_names_are_made_plain() {
        assert_eq!(parse("./a//b/./c/").unwrap().as_bytes(), b"a/b/c");
        assert!(parse("./").unwrap().is_root() && parse("/").unwrap().is_root());
        assert_eq!(parse("..a/b..").unwrap().as_bytes(), b"..a/b..");
    }

    #[test]
    fn names_that_leave_the_root_are_refused() {
        assert_eq!(parse("../x"), Err(EntryFault::Parent));
        assert_eq!(parse("a/../../x"), Err(EntryFault::Parent));
        assert_eq!(parse("a/.."), Err(EntryFault::Parent));
        assert_eq!(parse("/etc/passwd"), Err(EntryFault::Absolute));
        assert_eq!(parse("a\0b"), Err(EntryFault::Nul));
        assert_eq!(parse(""), Err(EntryFault::Length));
        assert_eq!(parse(&"a".repeat(256)), Err(EntryFault::Length));
        assert_eq!(parse(&"a/".repeat(129)), Err(EntryFault::Depth));
        assert_eq!(parse(&"a/".repeat(3000)), Err(EntryFault::Length));
    }

    #[test]
    fn children_sort_between_the_two_ends() {
        let (from, to) = parse("a").unwrap().below();
        let child = parse("a/b").unwrap();
        assert!(from < child && child < to);
        assert!(!(from..to).contains(&parse("a-b").unwrap()));
    }
}
