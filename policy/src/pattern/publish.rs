//! Where a port of a sandbox is reached on the host.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::Deserialize;

use super::egress::port_number;
use super::{PatternError, serialize_as_text};

/// How a port is written that the kernel chooses.
const FREE: &str = "free";
/// The most ports of one range.
const MOST: u16 = 1024;

const EXPECTED: &str = "an address to publish on: expected `8080`, `127.0.0.1:8080` or `[::1]:8080`, with a range of at most 1024 ports as \
`127.0.0.1:8000-8010`, or `127.0.0.1:free` for a port that the kernel chooses";

/// An address of the host with one port, or with one that the kernel chooses: that is none of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishAddress(SocketAddr);

/// An address of the host with one port, with a range of ports, or with one that the kernel chooses.
///
/// In a policy a range grants each of its ports. Whoever asks for one gets the first of them that is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PublishOn {
    first: PublishAddress,
    /// How many ports after that. They all exist.
    more: u16,
}

impl PublishAddress {
    /// As the standard library's type; port 0 is one that the kernel chooses.
    pub const fn socket(&self) -> SocketAddr {
        self.0
    }

    /// Another port of the same address.
    #[must_use]
    pub const fn at_port(self, port: NonZeroU16) -> Self {
        Self(SocketAddr::new(self.0.ip(), port.get()))
    }
}

impl PublishOn {
    /// Each address, from the lowest port.
    pub fn each(&self) -> impl Iterator<Item = PublishAddress> + use<> {
        let (address, first) = (self.first.0.ip(), self.first.0.port());
        (first..=first.saturating_add(self.more))
            .map(move |port| PublishAddress(SocketAddr::new(address, port)))
    }

    /// The address, if there is just one.
    pub const fn only(&self) -> Option<PublishAddress> {
        if self.more == 0 { Some(self.first) } else { None }
    }

    /// Addresses in as few ranges as there can be, where they come in order.
    pub fn ranges(addresses: impl IntoIterator<Item = PublishAddress>) -> Vec<Self> {
        let mut ranges: Vec<Self> = Vec::new();
        for address in addresses {
            let (ip, port) = (address.0.ip(), address.0.port());
            let follows = |last: &&mut Self| {
                let (first, after) = (last.first.0.port(), last.more.checked_add(1));
                let next = after.and_then(|after| first.checked_add(after));
                last.first.0.ip() == ip
                    && first != 0
                    && next == Some(port)
                    && last.more < MOST.saturating_sub(1)
            };
            match ranges.last_mut().filter(follows) {
                Some(last) => last.more = last.more.saturating_add(1),
                None => ranges.push(address.into()),
            }
        }
        ranges
    }
}

impl From<PublishAddress> for PublishOn {
    fn from(first: PublishAddress) -> Self {
        Self { first, more: 0 }
    }
}

impl FromStr for PublishOn {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || PatternError::new(text, EXPECTED);
        let (address, ports) = match text.rsplit_once(':') {
            // A port alone is published on loopback only.
            None => (IpAddr::V4(Ipv4Addr::LOCALHOST), text),
            Some((address, ports)) => {
                let address = match address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                    Some(v6) => IpAddr::V6(v6.parse().map_err(|_| refuse())?),
                    None => IpAddr::V4(address.parse().map_err(|_| refuse())?),
                };
                (address, ports)
            }
        };
        let number = |text| port_number(text).filter(|port| *port != 0).ok_or_else(refuse);
        let (first, last) = match ports.split_once('-') {
            None if ports == FREE => (0, 0),
            None => (number(ports)?, number(ports)?),
            Some((first, last)) => (number(first)?, number(last)?),
        };
        let more = last.checked_sub(first).filter(|more| *more < MOST).ok_or_else(refuse)?;
        Ok(Self { first: PublishAddress(SocketAddr::new(address, first)), more })
    }
}

impl TryFrom<String> for PublishOn {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl fmt::Display for PublishAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            address if address.port() != 0 => address.fmt(f),
            SocketAddr::V4(address) => write!(f, "{}:{FREE}", address.ip()),
            SocketAddr::V6(address) => write!(f, "[{}]:{FREE}", address.ip()),
        }
    }
}

impl fmt::Display for PublishOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        match self.more {
            0 => Ok(()),
            more => write!(f, "-{}", self.first.0.port().saturating_add(more)),
        }
    }
}

serialize_as_text!(PublishAddress, PublishOn);

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> PublishOn {
        text.parse().unwrap()
    }

    #[test]
    fn a_port_alone_is_published_on_loopback() {
        assert_eq!(on("8080").to_string(), "127.0.0.1:8080");
        assert_eq!(on("0.0.0.0:80").to_string(), "0.0.0.0:80");
        assert_eq!(on("[::1]:80").to_string(), "[::1]:80");
        assert_eq!(
            (on("free").to_string(), on("[::]:free").to_string()),
            ("127.0.0.1:free".into(), "[::]:free".into())
        );
        for text in ["", "0", ":80", "host:80", "1.2.3.4:", "1.2.3.4:99999", "::1:80", "Free", "0.0.0.0:*"] {
            assert!(text.parse::<PublishOn>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_range_is_each_of_its_ports_and_a_port_that_is_chosen_is_none_of_them() {
        let each: Vec<String> = on("8000-8002").each().map(|one| one.to_string()).collect();
        assert_eq!(each, ["127.0.0.1:8000", "127.0.0.1:8001", "127.0.0.1:8002"]);
        assert_eq!((on("80-80").to_string(), on("65535-65535").each().count()), ("127.0.0.1:80".into(), 1));
        assert_eq!((on("1-1024").each().count(), on("free").each().count()), (1024, 1));
        for text in ["2-1", "1-1025", "0-1", "free-2", "1-free", "1-", "-1", "1-2-3"] {
            assert!(text.parse::<PublishOn>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_follows_is_told_as_a_range() {
        let told = |texts: &[&str]| {
            let all = texts.iter().flat_map(|text| on(text).each());
            PublishOn::ranges(all).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            told(&["free", "1", "2-4", "6", "0.0.0.0:7"]),
            "127.0.0.1:free 127.0.0.1:1-4 127.0.0.1:6 0.0.0.0:7"
        );
        assert_eq!(told(&["1-1024", "1025", "65535"]), "127.0.0.1:1-1024 127.0.0.1:1025 127.0.0.1:65535");
    }
}
