//! What the kernel does with a system call.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// An error number that a refused call may answer with; the same number on all our architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(u16);

/// An error name that profiles do not know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unknown answer `{name}`; use one of EPERM, EACCES, EINVAL, ENOTTY, ENOSYS, EOPNOTSUPP, EAFNOSUPPORT, or kill"
)]
pub struct UnknownErrno {
    name: String,
}

/// Numbers from `asm-generic/errno-base.h` and `asm-generic/errno.h`.
const NAMES: [(&str, Errno); 7] = [
    ("EPERM", Errno::EPERM),
    ("EACCES", Errno::EACCES),
    ("EINVAL", Errno::EINVAL),
    ("ENOTTY", Errno::ENOTTY),
    ("ENOSYS", Errno::ENOSYS),
    ("EOPNOTSUPP", Errno::EOPNOTSUPP),
    ("EAFNOSUPPORT", Errno::EAFNOSUPPORT),
];

impl Errno {
    /// "Operation not permitted": the answer to what is known and forbidden.
    pub const EPERM: Self = Self(1);
    /// "Permission denied".
    pub const EACCES: Self = Self(13);
    /// "Invalid argument".
    pub const EINVAL: Self = Self(22);
    /// "Inappropriate ioctl for device".
    pub const ENOTTY: Self = Self(25);
    /// "Function not implemented": the answer to what is unknown, too new, or has a fallback in programs.
    pub const ENOSYS: Self = Self(38);
    /// "Operation not supported".
    pub const EOPNOTSUPP: Self = Self(95);
    /// "Address family not supported by protocol".
    pub const EAFNOSUPPORT: Self = Self(97);

    /// Gives the number that the program finds in `errno`.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Gives the name, such as `EPERM`.
    pub fn name(self) -> &'static str {
        // INVARIANT: a value is made only from `NAMES` or the constants above, which stand in it.
        NAMES.iter().find(|(_, errno)| *errno == self).map_or("EPERM", |(name, _)| name)
    }
}

/// How a call is refused.
///
/// The order is strictness: killing is stricter than any error, and of two errors the smaller number is (so
/// `EPERM` wins over `ENOSYS`). It only settles which answer a meet gives, never what is admitted. `Ord` is only for
/// keeping refusals in sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// The call returns this error and does nothing.
    Errno(Errno),
    /// The whole process dies at once with `SIGSYS`.
    Kill,
}

impl Refusal {
    /// Gives the stricter of two refusals.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        match (self, other) {
            (Self::Errno(mine), Self::Errno(theirs)) => Self::Errno(mine.min(theirs)),
            (Self::Kill, _) | (_, Self::Kill) => Self::Kill,
        }
    }
}

impl FromStr for Refusal {
    type Err = UnknownErrno;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if name == "kill" {
            return Ok(Self::Kill);
        }
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, errno)| Self::Errno(*errno))
            .ok_or_else(|| UnknownErrno { name: name.chars().take(32).collect() })
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Errno(errno) => errno.name(),
            Self::Kill => "kill",
        })
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Refusal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The verdict on one system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The call goes through to the kernel.
    Allow,
    /// The call is stopped.
    Refuse(Refusal),
}

/// `SECCOMP_RET_ALLOW` (`linux/seccomp.h`).
const RET_ALLOW: u32 = 0x7fff_0000;
/// `SECCOMP_RET_ERRNO`; the error stands in the low 16 bits.
const RET_ERRNO: u32 = 0x0005_0000;
/// `SECCOMP_RET_KILL_PROCESS`.
const RET_KILL_PROCESS: u32 = 0x8000_0000;

impl Action {
    /// Gives the value that a filter returns for this action.
    pub const fn return_value(self) -> u32 {
        match self {
            Self::Allow => RET_ALLOW,
            Self::Refuse(Refusal::Kill) => RET_KILL_PROCESS,
            // The widening of the number cannot be written without a cast in a const function.
            Self::Refuse(Refusal::Errno(errno)) => {
                let [low, high] = errno.0.to_le_bytes();
                RET_ERRNO | u32::from_le_bytes([low, high, 0, 0])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_written_as_it_is_read() {
        for (name, errno) in NAMES {
            assert_eq!(name.parse(), Ok(Refusal::Errno(errno)));
            assert_eq!(Refusal::Errno(errno).to_string(), name);
        }
        assert_eq!("kill".parse(), Ok(Refusal::Kill));
        assert!("EWHAT".parse::<Refusal>().is_err());
    }

    #[test]
    fn return_values_are_the_kernels() {
        assert_eq!(Action::Allow.return_value(), 0x7fff_0000);
        assert_eq!(Action::Refuse(Refusal::Errno(Errno::ENOSYS)).return_value(), 0x0005_0026);
        assert_eq!(Action::Refuse(Refusal::Kill).return_value(), 0x8000_0000);
    }

    #[test]
    fn killing_is_stricter_than_an_error_and_eperm_than_enosys() {
        let [eperm, enosys] = [Errno::EPERM, Errno::ENOSYS].map(Refusal::Errno);
        assert_eq!(eperm.stricter(enosys), eperm);
        assert_eq!(enosys.stricter(eperm), eperm);
        assert_eq!(enosys.stricter(Refusal::Kill), Refusal::Kill);
    }
}
