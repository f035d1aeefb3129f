//! Host folders as roots: absolute, normal, compared by whole components.

use std::fmt;
use std::str::FromStr;

use super::{Pattern, PatternError, serialize_as_text};

const EXPECTED: &str = "a folder that can be shared: expected an absolute path without `.`, `..`, `//` or a slash at the end, \
neither `/` nor a folder that holds control sockets or the kernel's interfaces (/proc, /sys, /dev, /run, /var/run)";

/// Folders that no mount may show, from above or from inside.
///
/// SECURITY: a control socket (docker's, the user's bus) under a mount would command a more trusted process, and the
/// host's programs, libraries and configuration in the place of the image's would run unverified.
const NEVER: [&str; 14] = [
    "/proc", "/sys", "/dev", "/run", "/var/run", "/bin", "/sbin", "/usr", "/lib", "/lib32", "/lib64",
    "/libx32", "/etc", "/boot",
];

/// A folder of the host and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPath(String);

impl HostPath {
    /// The path as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `path` is `root` or lies below it, by whole components.
pub(crate) fn is_at_or_below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || root == "/")
}

/// Absolute, without empty, `.` or `..` components and without control characters.
pub(crate) fn is_normal(path: &str) -> bool {
    path == "/"
        || (path.len() <= 4096
            && path.strip_prefix('/').is_some_and(|rest| {
                rest.split('/').all(|part| !matches!(part, "" | "." | "..") && part.len() <= 255)
            })
            && !path.chars().any(char::is_control))
}

impl Pattern for HostPath {
    fn includes(&self, other: &Self) -> bool {
        is_at_or_below(&other.0, &self.0)
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        if self.includes(other) {
            Some(other.clone())
        } else if other.includes(self) {
            Some(self.clone())
        } else {
            None
        }
    }

    fn wider(&self) -> Vec<Self> {
        let parents = self.0.match_indices('/').filter_map(|(at, _)| self.0.get(..at));
        parents.filter(|parent| !parent.is_empty()).map(|parent| Self(parent.to_owned())).collect()
    }
}

impl FromStr for HostPath {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let reserved = NEVER.iter().any(|never| is_at_or_below(text, never) || is_at_or_below(never, text));
        if is_normal(text) && text != "/" && !reserved {
            Ok(Self(text.to_owned()))
        } else {
            Err(PatternError::new(text, EXPECTED))
        }
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serialize_as_text!(HostPath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_nest_by_whole_components() {
        let root: HostPath = "/srv/acme".parse().unwrap();
        assert!(root.includes(&"/srv/acme/docs".parse().unwrap()));
        assert!(root.includes(&root));
        assert!(!root.includes(&"/srv/acmeX".parse().unwrap()));
        assert!(!root.includes(&"/srv".parse().unwrap()));
    }

    #[test]
    fn paths_that_are_not_normal_or_hold_sockets_are_refused() {
        for text in [
            "",
            "/",
            "srv",
            "/srv/",
            "/srv//a",
            "/srv/../etc",
            "/srv/./a",
            "/proc",
            "/proc/1",
            "/dev/null",
            "/run/docker.sock",
            "/var/run",
            "/var",
            "/sys/fs",
            "/srv/a\nb",
            "/srv/\0",
        ] {
            assert!(text.parse::<HostPath>().is_err(), "{text}");
        }
        assert!("/running".parse::<HostPath>().is_ok());
    }
}
