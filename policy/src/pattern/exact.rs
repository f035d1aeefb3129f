//! Things that are granted one by one: devices, networks, volumes, secrets, Linux caps, and published addresses.

use std::fmt;
use std::str::FromStr;

use perry_sandbox_profiles::LinuxCap;

use super::path::is_normal;
use super::publish::PublishAddress;
use super::{Pattern, PatternError, serialize_as_text};
use crate::names::SecretName;

/// Devices that are the machine itself: memory, ports, the kernel's log. Backends refuse more, by their numbers.
const NEVER_DEVICES: [&str; 5] = ["/dev/mem", "/dev/kmem", "/dev/port", "/dev/kcore", "/dev/kmsg"];

/// A device of the host, by its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevicePath(String);

/// How a network or volume is written that is not the project's own.
const EXTERNAL: &str = "external:";
/// How the network of another service of the project is written, which is not joined but shared.
const SHARED: &str = "service:";
/// What is between a project's word for its network and another name that it has outside.
const CALLED: char = '=';

/// A network of a compose project; `KEY=NAME` is one that is called otherwise outside of it, and `external:NAME` one of another
/// project, by its whole name. `service:NAME` is all that another service of the project has of networks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(String);

/// A named volume of a compose project by its name there, or one that is not the project's, written `external:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeName(String);

impl FromStr for DevicePath {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let below = text.strip_prefix("/dev/").is_some();
        if below && is_normal(text) && !NEVER_DEVICES.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PatternError::new(
                text,
                "a device: expected a normal path below `/dev/`, not the machine's memory, ports or log",
            ))
        }
    }
}

/// A name inside a project.
pub(crate) fn name_of_project(text: &str) -> Result<String, PatternError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    // SECURITY: `host` and `none` mean the host's own namespaces to container engines.
    let reserved = matches!(text, "host" | "none" | "bridge");
    if (1..=64).contains(&text.len())
        && text.bytes().all(plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !reserved
    {
        Ok(text.to_owned())
    } else {
        Err(PatternError::new(
            text,
            "a name inside a project: expected letters, digits, `.`, `_`, `-`, and not host, none or bridge",
        ))
    }
}

impl NetworkName {
    /// The whole name of one that is not the project's own.
    pub fn external(&self) -> Option<&str> {
        self.0.strip_prefix(EXTERNAL)
    }

    /// The service whose network namespace is shared.
    pub fn shared(&self) -> Option<&str> {
        self.0.strip_prefix(SHARED)
    }

    /// What the project calls it; of one that is not the project's own, all of the text.
    pub fn key(&self) -> &str {
        self.0.split_once(CALLED).map_or(&self.0, |(key, _)| key)
    }

    /// What one of the project's is called outside, if not by the project's name and its own.
    pub fn called(&self) -> Option<&str> {
        self.0.split_once(CALLED).map(|(_, name)| name)
    }

    /// One of the project's, which may be called otherwise outside.
    ///
    /// # Errors
    /// One of them is no name.
    pub fn of_project(key: &str, called: Option<&str>) -> Result<Self, PatternError> {
        match called {
            Some(name) => format!("{key}{CALLED}{name}").parse(),
            None => name_of_project(key).map(Self),
        }
    }
}

impl FromStr for NetworkName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        if let Some((key, name)) = text.split_once(CALLED) {
            name_of_project(key)?;
            let name = name_of_project(name)?;
            let too_short = || {
                PatternError::new(
                    text,
                    "a network: the name outside must have two letters or digits at least",
                )
            };
            return (name.len() > 1).then(|| Self(text.to_owned())).ok_or_else(too_short);
        }
        let name = text.strip_prefix(EXTERNAL).or_else(|| text.strip_prefix(SHARED)).unwrap_or(text);
        name_of_project(name).map(|_| Self(text.to_owned()))
    }
}

impl VolumeName {
    /// One that is not the project's own, by what its backend calls it.
    ///
    /// # Errors
    /// That is no name.
    pub fn of_outside(name: &str) -> Result<Self, PatternError> {
        name_of_project(name).map(|name| Self(format!("{EXTERNAL}{name}")))
    }

    /// What its backend calls it, if it is not the project's own.
    pub fn external(&self) -> Option<&str> {
        self.0.strip_prefix(EXTERNAL)
    }
}

impl FromStr for VolumeName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match text.strip_prefix(EXTERNAL) {
            Some(name) => Self::of_outside(name),
            None => name_of_project(text).map(Self),
        }
    }
}

macro_rules! exact {
    ($($name:ty),+) => {$(
        impl Pattern for $name {
            fn includes(&self, other: &Self) -> bool {
                self == other
            }

            fn meet(&self, other: &Self) -> Option<Self> {
                (self == other).then(|| self.clone())
            }

            fn wider(&self) -> Vec<Self> {
                Vec::new()
            }
        }
    )+};
}

macro_rules! shown {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

macro_rules! read_as_text {
    ($($name:ident),+) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

exact!(DevicePath, NetworkName, VolumeName, PublishAddress, SecretName, LinuxCap);
shown!(DevicePath, NetworkName, VolumeName);
serialize_as_text!(DevicePath, NetworkName, VolumeName);
read_as_text!(NetworkName, VolumeName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_own_network_has_no_name() {
        assert!("front".parse::<NetworkName>().is_ok());
        for text in
            ["host", "none", "", "a/b", "-a", "external:host", "external:", "external:external:a", "a:b"]
        {
            assert!(text.parse::<NetworkName>().is_err(), "{text}");
        }
        let external = |text: &str| text.parse::<NetworkName>().unwrap().external().map(str::to_owned);
        assert_eq!(
            (external("front"), external("external:edge_front")),
            (None, Some("edge_front".to_owned()))
        );
    }

    #[test]
    fn the_network_of_a_service_is_no_network_of_that_name() {
        let shared: NetworkName = "service:db".parse().unwrap();
        assert_eq!((shared.shared(), shared.external(), shared.called()), (Some("db"), None, None));
        assert!(!"db".parse::<NetworkName>().unwrap().includes(&shared));
        for text in ["service:", "service:host", "service:external:a", "external:service:a", "service:a=bb"] {
            assert!(text.parse::<NetworkName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_with_a_name_of_its_own_has_both() {
        let parts = |text: &str| {
            let name: NetworkName = text.parse().unwrap();
            (name.key().to_owned(), name.called().map(str::to_owned))
        };
        assert_eq!(parts("back=site-rows"), ("back".to_owned(), Some("site-rows".to_owned())));
        assert_eq!(parts("back"), ("back".to_owned(), None));
        assert_eq!(parts("external:edge_front"), ("external:edge_front".to_owned(), None));
        for text in
            ["back=", "=rows", "back=host", "back=a b", "back=x", "a=b=c", "external:a=bb", "back=external:a"]
        {
            assert!(text.parse::<NetworkName>().is_err(), "{text}");
        }
        assert_eq!(NetworkName::of_project("back", Some("rows")).unwrap().to_string(), "back=rows");
        assert!(NetworkName::of_project("external:a", None).is_err());
        assert!(!"back".parse::<NetworkName>().unwrap().includes(&"back=rows".parse().unwrap()));
    }

    #[test]
    fn memory_is_no_device() {
        assert!("/dev/kvm".parse::<DevicePath>().is_ok());
        for text in ["/dev/mem", "/dev/kmsg", "/dev/", "/dev/../etc", "/etc/passwd", "kvm"] {
            assert!(text.parse::<DevicePath>().is_err(), "{text}");
        }
    }
}
