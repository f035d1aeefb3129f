//! Folders of a sandbox that are memory, each with a bound of its own.
//!
//! What is written there is counted against the memory limit, is never executed, and is gone at the end. No policy grants
//! them: all of them together have what the disk limit gives, and `/tmp` has the rest of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::pattern::{PatternError, is_at_or_below, is_normal};
use crate::project::text;
use crate::quantity::ByteSize;

/// A place for memory: absolute and normal, of plain characters, and not where the sandbox's own walls and files are. `/run` is
/// one: secrets are seen in it all the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemoryPath(String);

text!(MemoryPath);

impl FromStr for MemoryPath {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        // SECURITY: engines take a list of options behind a path, and a path with a colon or comma could add some.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-' | b'@' | b'+');
        let own = ["/proc", "/sys", "/dev", "/tmp", "/etc/hosts", "/run/secrets"];
        let overlaps = |own: &&str| is_at_or_below(text, own) || is_at_or_below(own, text) && text != "/run";
        if is_normal(text) && text.bytes().all(plain) && !own.iter().any(overlaps) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PatternError::new(
                text,
                "a place for memory: expected an absolute, normal path of letters, digits, `.`, `_`, `-`, `@` and `+` that does not cover or lie in `/proc`, `/sys`, `/dev`, `/tmp`, `/etc/hosts` or `/run/secrets`",
            ))
        }
    }
}

/// A folder of memory that a service wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedMemory {
    /// Where it is seen.
    pub path: MemoryPath,
    /// The most that is written there; nothing: a share of what the disk limit leaves.
    pub size: Option<ByteSize>,
}

/// A folder of memory of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MemoryFolder {
    /// Where it is seen.
    pub path: MemoryPath,
    /// The most that is written there.
    pub size: ByteSize,
}

impl fmt::Display for MemoryFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_covers_none_of_the_walls_and_adds_no_options() {
        for text in ["/run", "/var/cache/nginx", "/run/lock", "/etc/app", "/tmpfiles", "/run/secretsx"] {
            assert!(text.parse::<MemoryPath>().is_ok(), "{text}");
        }
        for text in [
            "/",
            "run",
            "/tmp",
            "/tmp/x",
            "/dev/shm",
            "/proc/x",
            "/sys",
            "/etc",
            "/etc/hosts",
            "/run/secrets",
            "/run/secrets/x",
            "/a:exec",
            "/a,exec",
            "/a b",
            "/a=b",
            "/a/../b",
            "/ä",
            "/a/",
        ] {
            assert!(text.parse::<MemoryPath>().is_err(), "{text}");
        }
    }
}
