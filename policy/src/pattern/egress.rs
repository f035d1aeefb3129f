//! Where a program may connect to: a host pattern and a port.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{Pattern, PatternError, serialize_as_text};

const EXPECTED: &str = "a host and a port: expected `host:443`, `*.example.org:443` (at least two labels after the star), \
`*:443` or `[::1]:443`, in lower case; the port is a number from 1 to 65535 or `*`";

/// A set of hosts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostPattern {
    /// Every host.
    Any,
    /// Every host below this suffix (one label or more before it), not the suffix itself.
    Below(String),
    /// One host name or address.
    Exact(String),
}

/// A set of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortPattern {
    /// Every port.
    Any,
    /// One port.
    One(u16),
}

/// Hosts and ports that may be reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EgressPattern {
    /// Which hosts.
    pub host: HostPattern,
    /// Which ports of them.
    pub port: PortPattern,
}

impl HostPattern {
    fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Below(suffix), Self::Exact(host)) => is_below(host, suffix),
            (Self::Below(suffix), Self::Below(inner)) => inner == suffix || is_below(inner, suffix),
            (Self::Exact(a), Self::Exact(b)) => a == b,
            (Self::Below(_) | Self::Exact(_), Self::Any) | (Self::Exact(_), Self::Below(_)) => false,
        }
    }
}

impl HostPattern {
    /// Every other pattern that includes this one.
    fn wider(&self) -> Vec<Self> {
        let text = match self {
            Self::Any => return Vec::new(),
            Self::Below(text) | Self::Exact(text) => text,
        };
        let suffixes = text.match_indices('.').filter_map(|(at, _)| text.get(at.saturating_add(1)..));
        suffixes.map(|suffix| Self::Below(suffix.to_owned())).chain([Self::Any]).collect()
    }
}

/// Whether `host` has at least one label more than `suffix`, and ends with it.
fn is_below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

impl PortPattern {
    fn includes(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

impl Pattern for EgressPattern {
    fn includes(&self, other: &Self) -> bool {
        self.host.includes(&other.host) && self.port.includes(other.port)
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        // Hosts nest or are disjoint, and so do ports: the deeper one is the intersection.
        let host = if self.host.includes(&other.host) {
            other.host.clone()
        } else if other.host.includes(&self.host) {
            self.host.clone()
        } else {
            return None;
        };
        let port = if self.port.includes(other.port) {
            other.port
        } else if other.port.includes(self.port) {
            self.port
        } else {
            return None;
        };
        Some(Self { host, port })
    }

    fn wider(&self) -> Vec<Self> {
        let hosts: Vec<HostPattern> = std::iter::once(self.host.clone()).chain(self.host.wider()).collect();
        let ports: &[PortPattern] =
            if self.port == PortPattern::Any { &[PortPattern::Any] } else { &[self.port, PortPattern::Any] };
        let pairs =
            hosts.iter().flat_map(|host| ports.iter().map(|port| Self { host: host.clone(), port: *port }));
        pairs.filter(|pair| pair != self).collect()
    }
}

impl FromStr for EgressPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let refuse = || PatternError::new(text, EXPECTED);
        let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
        let port = match port {
            "*" => PortPattern::Any,
            digits => PortPattern::One(port_number(digits).ok_or_else(refuse)?),
        };
        let host = host_pattern(host).ok_or_else(refuse)?;
        Ok(Self { host, port })
    }
}

/// A port written plainly: digits, no sign, no leading zero.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if plain { text.parse().ok() } else { None }
}

fn host_pattern(text: &str) -> Option<HostPattern> {
    if text == "*" {
        return Some(HostPattern::Any);
    }
    if let Some(suffix) = text.strip_prefix("*.") {
        // SECURITY: `*.com` would be as good as `*`, and `*.0.1` no set of addresses at all.
        let labels = suffix.split('.').count();
        return (labels >= 2 && is_host_name(suffix)).then(|| HostPattern::Below(suffix.to_owned()));
    }
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().ok()?;
        return Some(HostPattern::Exact(format!("[{address}]")));
    }
    (text.parse::<Ipv4Addr>().is_ok() || is_host_name(text)).then(|| HostPattern::Exact(text.to_owned()))
}

/// A host name in lower case whose last label is not a number: `127.1` and `0x7f.1` are addresses to some resolvers.
fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or(text);
    text.len() <= 253 && text.split('.').all(is_label) && !last.starts_with(|c: char| c.is_ascii_digit())
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Below(suffix) => write!(f, "*.{suffix}"),
            Self::Exact(host) => f.write_str(host),
        }
    }
}

impl fmt::Display for EgressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            PortPattern::Any => write!(f, "{}:*", self.host),
            PortPattern::One(port) => write!(f, "{}:{port}", self.host),
        }
    }
}

serialize_as_text!(EgressPattern);

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(text: &str) -> EgressPattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_read_back_as_written() {
        for text in ["*:443", "*:*", "api.osv.dev:443", "*.example.org:80", "10.0.0.1:22", "[::1]:443"] {
            assert_eq!(egress(text).to_string(), text);
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "host",
            "host:",
            "host:0",
            "host:70000",
            "host:+1",
            "host:01",
            "*.com:443",
            "*.a.*:1",
            "a.*:1",
            "API.osv.dev:443",
            "-a.example:1",
            "a..b:1",
            "*.1.2:1",
            "127.1:80",
            "[::1:80",
            "a b:1",
            "http://a:80",
            "a/b:80",
            "*.*.example.org:80",
            ".a:1",
            "a.:1",
        ] {
            assert!(text.parse::<EgressPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_suffix_includes_what_is_below_it_and_not_itself() {
        assert!(egress("*.example.org:443").includes(&egress("a.b.example.org:443")));
        assert!(egress("*.example.org:443").includes(&egress("*.b.example.org:443")));
        assert!(!egress("*.example.org:443").includes(&egress("example.org:443")));
        assert!(!egress("*.example.org:443").includes(&egress("badexample.org:443")));
        assert!(!egress("*.example.org:443").includes(&egress("a.example.org:80")));
        assert!(!egress("a.example.org:443").includes(&egress("*:443")));
    }

    #[test]
    fn the_meet_takes_the_deeper_host_and_the_deeper_port() {
        assert_eq!(egress("*.example.org:*").meet(&egress("*:443")), Some(egress("*.example.org:443")));
        assert_eq!(egress("*:80").meet(&egress("*:443")), None);
    }
}
