use std::net::IpAddr;

use crate::node::{Mapping, Node, Value};

/// A mapping of ports, one container port each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    host: String,
    published: String,
    target: u16,
    protocol: String,
}

/// Why a text is no mapping of ports.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum PortError {
    #[error("`{0}` is no address")]
    Address(String),
    #[error("no container port is named")]
    Missing,
    #[error("`{0}` is no port or range of ports")]
    Number(String),
    #[error("the ranges `{published}` and `{target}` have different lengths")]
    Lengths { published: String, target: String },
    #[error("`{0}` is no protocol: it must be `tcp`, `udp` or `sctp`")]
    Protocol(String),
}

/// Reads `[[host:]published:]target[/protocol]`, where both ports may be ranges.
pub(super) fn ports(text: &str) -> Result<Vec<Port>, PortError> {
    let (front, container) = text.rsplit_once(':').map_or(("", text), |(front, last)| (front, last));
    let (address, published) = front.rsplit_once(':').unwrap_or(("", front));
    let address = host(address)?;
    let (target, protocol) = target(container);
    if target.is_empty() {
        return Err(PortError::Missing);
    }
    let (first, last) = range(target)?;
    let from = if published.is_empty() { None } else { Some(range(published)?) };
    let length = last.saturating_sub(first);
    if let Some((low, high)) = from
        && high.saturating_sub(low) != length
        && length > 0
    {
        return Err(PortError::Lengths { published: published.to_owned(), target: target.to_owned() });
    }
    let protocol = protocol.to_lowercase();
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(PortError::Protocol(protocol));
    }
    let mut all: Vec<Port> = (0..=length)
        .map(|step| Port {
            host: address.clone(),
            published: from.map_or_else(String::new, |(low, high)| {
                let port = low.saturating_add(step);
                // One container port and several host ports: any free one of them.
                if length == 0 && high > low { format!("{port}-{high}") } else { port.to_string() }
            }),
            target: first.saturating_add(step),
            protocol: protocol.clone(),
        })
        .collect();
    // The reference orders them as texts: 10000 stands before 9999.
    all.sort_by_cached_key(|port| format!("{}/{}", port.target, port.protocol));
    Ok(all)
}

fn host(address: &str) -> Result<String, PortError> {
    let bad = || PortError::Address(address.to_owned());
    if address.is_empty() {
        return Ok(String::new());
    }
    let inner = match address.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(bad)?,
        None if address.contains([':', '[', ']']) => return Err(bad()),
        None => address,
    };
    if inner.is_empty() || is_address(inner) { Ok(inner.to_owned()) } else { Err(bad()) }
}

/// Whether a text is an IP address, without a zone.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

fn target(container: &str) -> (&str, &str) {
    let mut parts = container.split('/');
    let port = parts.next().unwrap_or_default();
    match parts.next() {
        None | Some("") => (port, "tcp"),
        Some(protocol) => (port, protocol),
    }
}

fn range(text: &str) -> Result<(u16, u16), PortError> {
    let number = |part: &str| {
        let digits = !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
        part.parse::<u16>().ok().filter(|_| digits).ok_or_else(|| PortError::Number(text.to_owned()))
    };
    let mut parts = text.split('-');
    let first = number(parts.next().unwrap_or_default())?;
    let last = parts.next().map_or(Ok(first), number)?;
    if last < first { Err(PortError::Number(text.to_owned())) } else { Ok((first, last)) }
}

impl Port {
    /// The long form, at the place of the short one.
    pub(super) fn node(self, short: &Node) -> Node {
        let mut long = Mapping::default();
        let mut put = |key: &str, value: String| {
            if !value.is_empty() {
                long.put(key, short.text_here(value));
            }
        };
        put("mode", "ingress".to_owned());
        put("host_ip", self.host);
        put("published", self.published);
        put("protocol", self.protocol);
        if self.target > 0 {
            long.put("target", Node::new(short.span, Value::Integer(i64::from(self.target))));
        }
        Node::new(short.span, Value::Mapping(long))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, u16, String)> {
        ports(text).unwrap().into_iter().map(|p| (p.host, p.published, p.target, p.protocol)).collect()
    }

    fn port(host: &str, published: &str, target: u16, protocol: &str) -> (String, String, u16, String) {
        (host.into(), published.into(), target, protocol.into())
    }

    #[test]
    fn each_short_form_is_read() {
        assert_eq!(read("80"), [port("", "", 80, "tcp")]);
        assert_eq!(read("8080:80/UDP"), [port("", "8080", 80, "udp")]);
        assert_eq!(read("127.0.0.1:8080:80"), [port("127.0.0.1", "8080", 80, "tcp")]);
        assert_eq!(read("127.0.0.1::80"), [port("127.0.0.1", "", 80, "tcp")]);
        assert_eq!(read("[::1]:80:80/"), [port("::1", "80", 80, "tcp")]);
        assert_eq!(read("8000-8001:80"), [port("", "8000-8001", 80, "tcp")]);
        assert_eq!(read("9999-10000"), [port("", "", 10000, "tcp"), port("", "", 9999, "tcp")]);
    }

    #[test]
    fn what_is_no_port_says_so() {
        assert_eq!(ports(""), Err(PortError::Missing));
        assert_eq!(ports("80:"), Err(PortError::Missing));
        assert_eq!(ports("localhost:80:80"), Err(PortError::Address("localhost".into())));
        assert_eq!(ports("::1:80:80"), Err(PortError::Address("::1".into())));
        assert_eq!(ports("65536"), Err(PortError::Number("65536".into())));
        assert_eq!(ports("+80"), Err(PortError::Number("+80".into())));
        assert_eq!(ports("9-8"), Err(PortError::Number("9-8".into())));
        assert_eq!(ports("80/icmp"), Err(PortError::Protocol("icmp".into())));
        assert!(matches!(ports("80-82:80-81"), Err(PortError::Lengths { .. })));
    }
}
