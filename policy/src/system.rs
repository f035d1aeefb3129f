//! What a compose service has of a system of its own: how it is called there, and whom it knows.
//!
//! Nothing of it reaches anybody outside of the sandbox, so no policy grants it. A backend that cannot hold one of these lines
//! refuses the plan.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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
