//! Things that are granted one by one: devices, networks, published addresses, volumes, secrets, Linux caps.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use perry_sandbox_profiles::LinuxCap;

use super::egress::port_number;
use super::path::is_normal;
use super::{Pattern, PatternError, serialize_as_text};
use crate::names::SecretName;

/// Devices that are the machine itself: memory, ports, the kernel's log. Backends refuse more, by their numbers.
const NEVER_DEVICES: [&str; 5] = ["/dev/mem", "/dev/kmem", "/dev/port", "/dev/kcore", "/dev/kmsg"];

/// A device of the host, by its path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevicePath(String);

/// A network of a compose project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(String);

/// A named volume of a compose project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeName(String);

/// An address and port of the host on which a port of the sandbox is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishAddress(SocketAddr);

impl PublishAddress {
    /// As the standard library's type.
    pub const fn socket(&self) -> SocketAddr {
        self.0
    }
}

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

impl FromStr for NetworkName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        name_of_project(text).map(Self)
    }
}

impl FromStr for VolumeName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        name_of_project(text).map(Self)
    }
}

impl FromStr for PublishAddress {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || {
            PatternError::new(
                text,
                "an address to publish on: expected `8080`, `127.0.0.1:8080` or `[::1]:8080`",
            )
        };
        let (address, port) = match text.rsplit_once(':') {
            // A port alone is published on loopback only.
            None => (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), text),
            Some((address, port)) => {
                let address = match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                    Some(v6) => IpAddr::V6(v6.parse().map_err(|_| refuse())?),
                    None => IpAddr::V4(address.parse().map_err(|_| refuse())?),
                };
                (address, port)
            }
        };
        Ok(Self(SocketAddr::new(address, port_number(port).ok_or_else(refuse)?)))
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
shown!(DevicePath, NetworkName, VolumeName, PublishAddress);
serialize_as_text!(DevicePath, NetworkName, VolumeName, PublishAddress);
read_as_text!(NetworkName, VolumeName, PublishAddress);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_published_on_loopback() {
        assert_eq!("8080".parse::<PublishAddress>().unwrap().to_string(), "127.0.0.1:8080");
        assert_eq!("0.0.0.0:80".parse::<PublishAddress>().unwrap().to_string(), "0.0.0.0:80");
        assert_eq!("[::1]:80".parse::<PublishAddress>().unwrap().to_string(), "[::1]:80");
        for text in ["", "0", ":80", "host:80", "1.2.3.4:", "1.2.3.4:99999", "::1:80"] {
            assert!(text.parse::<PublishAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_hosts_own_network_has_no_name() {
        assert!("front".parse::<NetworkName>().is_ok());
        for text in ["host", "none", "", "a/b", "-a"] {
            assert!(text.parse::<NetworkName>().is_err(), "{text}");
        }
    }

    #[test]
    fn memory_is_no_device() {
        assert!("/dev/kvm".parse::<DevicePath>().is_ok());
        for text in ["/dev/mem", "/dev/kmsg", "/dev/", "/dev/../etc", "/etc/passwd", "kvm"] {
            assert!(text.parse::<DevicePath>().is_err(), "{text}");
        }
    }
}
