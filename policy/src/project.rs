//! What a compose service or workload node is given of its project: networks, published ports, volumes.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::file::WantedFile;
use crate::memory::WantedMemory;
use crate::pattern::{NetworkName, PatternError, PublishOn, VolumeName, is_at_or_below, is_normal};
use crate::system::System;

/// A compose service or workload node of a project, written `project/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServiceName {
    project: String,
    name: String,
}

impl ServiceName {
    /// The project.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The service in it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for ServiceName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || {
            PatternError::new(
                text,
                "a service: expected `project/name`, the project of a-z, 0-9, `_`, `-`, the name of letters, digits, `.`, `_`, `-`",
            )
        };
        let (project, name) = text.split_once('/').ok_or_else(refuse)?;
        let plain = |text: &str, extra: fn(u8) -> bool| {
            (1..=64).contains(&text.len())
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b) || extra(b))
                && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        if plain(project, |_| false) && plain(name, |b| b == b'.' || b.is_ascii_uppercase()) {
            Ok(Self { project: project.to_owned(), name: name.to_owned() })
        } else {
            Err(refuse())
        }
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.name)
    }
}

impl TryFrom<String> for ServiceName {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<ServiceName> for String {
    fn from(name: ServiceName) -> Self {
        name.to_string()
    }
}

/// What of its project is wanted. Only what the service's entry grants is ever given, and nothing that is not wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedProject {
    /// Networks of the project that it joins.
    pub networks: Vec<Attachment>,
    /// Ports of it that are published on the host.
    pub publish: Vec<Publication>,
    /// Named volumes of the project.
    pub volumes: Vec<VolumeMount>,
    /// Secrets at places of their own, and configs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<WantedFile>,
    /// Folders of memory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<WantedMemory>,
    /// What it wants of a system of its own.
    #[serde(default, skip_serializing_if = "System::is_default")]
    pub system: System,
}

impl WantedProject {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
            && self.publish.is_empty()
            && self.volumes.is_empty()
            && self.files.is_empty()
            && self.memory.is_empty()
            && self.system.is_default()
    }
}

/// A sandbox in a network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Attachment {
    /// The network's name inside the project.
    pub network: NetworkName,
    /// Names by which the others in the network find it.
    pub aliases: Vec<HostName>,
    /// The address that it has there; nothing: the network's choice.
    pub address: Option<IpAddr>,
    /// What it calls others there, and nobody else does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<ServiceLink>,
}

impl Attachment {
    /// One without names, at any address.
    pub const fn to(network: NetworkName) -> Self {
        Self { network, aliases: Vec::new(), address: None, links: Vec::new() }
    }
}

/// Another name for whoever has this one in the network, for one sandbox alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServiceLink {
    /// A name that the other has there.
    pub name: HostName,
    /// What this sandbox calls it as well.
    pub alias: HostName,
}

/// A port of the sandbox that is reached at an address of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Publication {
    /// Address and port of the host; of a range the first port that is free.
    pub on: PublishOn,
    /// The port inside.
    pub port: NonZeroU16,
    /// What goes through it.
    pub protocol: Protocol,
}

/// What goes through a published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// A named volume that is seen inside. What can be written there is never executed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VolumeMount {
    /// The volume's name inside the project.
    pub volume: VolumeName,
    /// Where it is seen.
    pub path: InsidePath,
    /// What may be done with it.
    pub access: VolumeAccess,
}

/// What may be done with a volume; reading is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeAccess {
    /// Read.
    Read,
    /// Read and write, never execute.
    Write,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl fmt::Display for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}/{}", self.on, self.port, self.protocol)
    }
}

impl fmt::Display for VolumeMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = match self.access {
            VolumeAccess::Read => "to read",
            VolumeAccess::Write => "to write",
        };
        write!(f, "{} at {} {access}", self.volume, self.path)
    }
}

/// A name in a network: letters, digits, `.`, `_` and `-`, 63 characters at most between dots, 253 in all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(String);

/// A place inside a sandbox: absolute and normal, and not where the sandbox's own walls are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InsidePath(String);

impl FromStr for HostName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        let part = |part: &str| {
            (1..=63).contains(&part.len())
                && part.bytes().all(plain)
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        if text.len() <= 253 && text.split('.').all(part) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PatternError::new(text, "a name in a network: expected letters, digits, `.`, `_` and `-`"))
        }
    }
}

impl FromStr for InsidePath {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        // SECURITY: a mount there could cover a mask, a device of ours, or the files of secrets.
        let own = ["/proc", "/sys", "/dev", "/run/secrets"];
        let overlaps = |own: &&str| is_at_or_below(text, own) || is_at_or_below(own, text);
        if is_normal(text) && !own.iter().any(overlaps) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PatternError::new(
                text,
                "a place for a volume: expected an absolute, normal path that does not cover or lie in `/proc`, `/sys`, `/dev` or `/run/secrets`",
            ))
        }
    }
}

impl fmt::Display for ServiceLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.alias)
    }
}

impl FromStr for ServiceLink {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let wrong = || PatternError::new(text, "a link: expected `NAME:ALIAS`");
        let (name, alias) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self { name: name.parse()?, alias: alias.parse()? })
    }
}

macro_rules! text {
    ($($name:ident),+) => {$(
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = PatternError;

            fn try_from(text: String) -> Result<Self, PatternError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )+};
}

pub(crate) use text;

text!(HostName, InsidePath);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_network_is_no_flag_and_no_list() {
        for text in ["db", "shop-db-1", "a.b.c", "a_b", "1"] {
            assert!(text.parse::<HostName>().is_ok(), "{text}");
        }
        for text in ["", "-a", "a,b", "a b", "a..b", "a:b", "ä", &"a".repeat(64), "_a"] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_link_is_two_names() {
        let link: ServiceLink = "db:database".parse().unwrap();
        assert_eq!(
            (link.name.as_str(), link.alias.as_str(), link.to_string().as_str()),
            ("db", "database", "db:database")
        );
        for text in ["db", "db:", ":database", "db:a:b", "db:a b", "d b:a"] {
            assert!(text.parse::<ServiceLink>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_service_is_of_a_project() {
        let name: ServiceName = "shop/Web.1".parse().unwrap();
        assert_eq!((name.project(), name.name(), name.to_string().as_str()), ("shop", "Web.1", "shop/Web.1"));
        for text in ["", "web", "/", "shop/", "/web", "Shop/web", "shop/-web", "a/b/c", "shop/w b", "shop/*"]
        {
            assert!(text.parse::<ServiceName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_volume_covers_none_of_the_walls() {
        for text in ["/data", "/var/lib/postgresql/data", "/devices", "/tmp/x", "/run/x"] {
            assert!(text.parse::<InsidePath>().is_ok(), "{text}");
        }
        for text in [
            "/",
            "data",
            "/a/../b",
            "/proc",
            "/proc/x",
            "/sys",
            "/dev/shm",
            "/run/secrets/x",
            "/run",
            "/a\nb",
        ] {
            assert!(text.parse::<InsidePath>().is_err(), "{text}");
        }
    }
}
