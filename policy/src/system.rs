//! What a compose service has of a system of its own: how it is called there, and whom it knows.
//!
//! Nothing of it reaches anybody outside of the sandbox, so no policy grants it. A backend that cannot hold one of these lines
//! refuses the plan.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::pattern::PatternError;
use crate::project::{HostName, text};
use crate::quantity::ByteSize;
use crate::sysctl::Sysctl;

/// The most bytes that a kernel takes for its host's name, and for its domain's.
const LONGEST: usize = 64;

/// What a sandbox calls itself, or its domain: a name in a network, of 64 bytes at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtsName(String);

text!(UtsName);

impl FromStr for UtsName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if text.len() <= LONGEST && text.parse::<HostName>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(PatternError::new(
                text,
                "a name of a host: expected letters, digits, `.`, `_` and `-`, 64 of them at most",
            ))
        }
    }
}

/// A line of the sandbox's own `/etc/hosts`, written `name=address`. Whoever reads it is in the sandbox, and an address is no way
/// there. It is never `localhost`, which is the sandbox itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KnownHost {
    name: HostName,
    address: IpAddr,
}

impl KnownHost {
    /// The name that is looked up.
    pub const fn name(&self) -> &HostName {
        &self.name
    }

    /// Where that is.
    pub const fn address(&self) -> IpAddr {
        self.address
    }

    /// As a line of the file.
    pub fn line(&self) -> String {
        format!("{} {}\n", self.address, self.name)
    }
}

impl FromStr for KnownHost {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || {
            PatternError::new(text, "a known host: expected `name=address`, another name than `localhost`")
        };
        let (name, address) = text.split_once('=').ok_or_else(refuse)?;
        let name: HostName = name.parse()?;
        let address = address.parse().map_err(|_| refuse())?;
        if name.as_str().eq_ignore_ascii_case("localhost") {
            Err(refuse())
        } else {
            Ok(Self { name, address })
        }
    }
}

impl fmt::Display for KnownHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.address)
    }
}

impl TryFrom<String> for KnownHost {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<KnownHost> for String {
    fn from(host: KnownHost) -> Self {
        host.to_string()
    }
}

/// A group inside: never root's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct GroupId(NonZeroU16);

impl GroupId {
    /// Its number.
    pub const fn number(self) -> u32 {
        // Widening; `From` is no constant.
        #[expect(clippy::as_conversions, reason = "widening in a constant function")]
        {
            self.0.get() as u32
        }
    }
}

/// Why a number is no group, or no score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NumberError {
    /// It is root's, or above what a sandbox has.
    #[error("`{0}` is no group of a sandbox: expected a number from 1 to 65535")]
    Group(u32),
    /// It would end others before the sandbox, or is none.
    #[error("`{0}` is no score: expected a number from 1 to 1000, as others are never ended in its place")]
    OomScore(i64),
}

impl TryFrom<u32> for GroupId {
    type Error = NumberError;

    fn try_from(number: u32) -> Result<Self, NumberError> {
        let group = u16::try_from(number).ok().and_then(NonZeroU16::new);
        group.map(Self).ok_or(NumberError::Group(number))
    }
}

impl From<GroupId> for u32 {
    fn from(group: GroupId) -> Self {
        group.number()
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How much sooner than others the kernel ends a process where it has no memory left. It can only be raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct OomScore(NonZeroU16);

impl OomScore {
    /// The number that is added to a process's own score.
    pub const fn number(self) -> u16 {
        self.0.get()
    }
}

impl TryFrom<i64> for OomScore {
    type Error = NumberError;

    fn try_from(number: i64) -> Result<Self, NumberError> {
        let score = u16::try_from(number).ok().filter(|score| *score <= 1000).and_then(NonZeroU16::new);
        score.map(Self).ok_or(NumberError::OomScore(number))
    }
}

impl From<OomScore> for i64 {
    fn from(score: OomScore) -> Self {
        score.number().into()
    }
}

/// Who is process 1 of a sandbox. It gets the signals, and the processes whose parents have ended are its to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FirstProcess {
    /// The program itself.
    #[default]
    Program,
    /// A small init, with the program as its child.
    Init,
}

impl FirstProcess {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_program(&self) -> bool {
        matches!(self, Self::Program)
    }
}

/// What of a system of its own a service wants, and has by its plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct System {
    /// The name that the sandbox's kernel gives for the host; nothing: `sandbox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<UtsName>,
    /// The name that it gives for the host's domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<UtsName>,
    /// Whom it knows by name beside those of its networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<KnownHost>,
    /// The size of its `/dev/shm`; nothing: a share of what `/tmp` has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm: Option<ByteSize>,
    /// Who is the first process.
    #[serde(default, skip_serializing_if = "FirstProcess::is_program")]
    pub first: FirstProcess,
    /// Settings of its own namespaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sysctls: Vec<Sysctl>,
    /// Groups that its user is in besides.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupId>,
    /// How much sooner than others it is ended where the host has no memory left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oom_score: Option<OomScore>,
}

impl System {
    /// What the sandbox is called.
    pub fn host_name(&self) -> &str {
        self.host_name.as_ref().map_or("sandbox", UtsName::as_str)
    }

    /// Whether nothing is wanted.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_not_roots_and_a_score_is_only_raised() {
        assert!([1, 65_535].into_iter().all(|number| GroupId::try_from(number).is_ok()));
        assert!([0, 65_536, u32::MAX].into_iter().all(|number| GroupId::try_from(number).is_err()));
        assert!([1, 1000].into_iter().all(|number| OomScore::try_from(number).is_ok()));
        assert!([0, -1, 1001, i64::MIN].into_iter().all(|number| OomScore::try_from(number).is_err()));
    }

    #[test]
    fn a_known_host_is_one_line() {
        let line = |text: &str| text.parse::<KnownHost>().unwrap().line();
        assert_eq!((line("db=10.0.0.7"), line("a.b=::1")), ("10.0.0.7 db\n".into(), "::1 a.b\n".into()));
        for text in
            ["db", "db=", "=10.0.0.7", "db=host-gateway", "a b=10.0.0.7", "LocalHost=10.0.0.7", "db=1\n2"]
        {
            assert!(text.parse::<KnownHost>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_of_a_host_is_one_that_a_kernel_takes() {
        let longest = format!("{}.{}", "a".repeat(31), "b".repeat(32));
        for text in ["edge", "edge.example.org", "shop_web-1", &longest] {
            assert!(text.parse::<UtsName>().is_ok(), "{text}");
        }
        for text in ["", "-a", "a b", "a=b", "a,b", "a..b", "ä", &format!("{longest}c")] {
            assert!(text.parse::<UtsName>().is_err(), "{text}");
        }
    }
}
