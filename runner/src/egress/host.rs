//! Hosts as a client writes them, in one form each.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use perry_sandbox_policy::{EgressPattern, HostPattern};

/// A host name, or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// In lower case, without a dot at its end.
    Name(String),
    /// Never an IPv4 address in the clothes of an IPv6 one.
    Address(IpAddr),
}

impl Host {
    /// Reads a host.
    ///
    /// SECURITY: what some resolver would take for an address (`127.1`, `0x7f.1`, `2130706433`) is no name here, and an
    /// IPv4 address has one way to be written: a check of the text must be a check of what is connected to.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return Self::address(IpAddr::V6(inner.parse::<Ipv6Addr>().ok()?));
        }
        if let Ok(address) = text.parse() {
            return Some(Self::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        // The policy's grammar: what no policy can name, nobody is connected to.
        let pattern: EgressPattern = format!("{name}:1").parse().ok()?;
        match pattern.host {
            HostPattern::Exact(exact) if exact == name && name.parse::<IpAddr>().is_err() => {
                Some(Self::Name(name))
            }
            HostPattern::Exact(_) | HostPattern::Below(_) | HostPattern::Any => None,
        }
    }

    /// An address as such; nothing where it carries an IPv4 address inside.
    pub(super) fn address(address: IpAddr) -> Option<Self> {
        let mapped = matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some());
        (!mapped).then_some(Self::Address(address))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Where somebody wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(super) host: Host,
    pub(super) port: u16,
}

impl Destination {
    /// Reads `host:port`. A port is written plainly, and is not 0.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        let port = port.parse().ok().filter(|_| plain)?;
        Some(Self { host: Host::parse(host)?, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form() {
        let name = |text: &str| Host::parse(text).map(|host| host.to_string());
        assert_eq!(name("API.osv.dev.").as_deref(), Some("api.osv.dev"));
        assert_eq!(name("10.0.0.1").as_deref(), Some("10.0.0.1"));
        assert_eq!(name("[0:0::1]").as_deref(), Some("[::1]"));
    }

    #[test]
    fn an_address_in_disguise_is_no_host() {
        for text in [
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "2130706433",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.1.",
            "::1",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[fe80::1%eth0]",
            "[127.0.0.1]",
            "*",
            "*.example.org",
            "",
            ".",
            "a..b",
            "a b",
            "a\0b",
            "-a",
            "a/b",
            "a@b",
            "a:1",
            "a#b",
            "bücher.example",
            "１２７.0.0.1",
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_port_is_plain() {
        assert_eq!(Destination::parse("a.example:443").map(|to| to.port), Some(443));
        for text in
            ["a.example", "a.example:", "a.example:0", "a.example:0443", "a.example:+1", "a.example:65536"]
        {
            assert_eq!(Destination::parse(text), None, "{text}");
        }
    }
}
