//! SOCKS version 5: CONNECT without a password, to a name or an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::host::{Destination, Host};

/// What SOCKS starts with; no method of HTTP does.
pub(super) const VERSION: u8 = 5;
/// No password is asked for.
pub(super) const WELCOME: [u8; 2] = [VERSION, 0];
/// No method of the client is known here.
pub(super) const NO_METHOD: [u8; 2] = [VERSION, 0xff];

/// How the server's answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Done = 0,
    NotAllowed = 2,
    HostUnreachable = 4,
    CommandUnknown = 7,
}

impl Reply {
    /// The whole answer. Which address of ours was used is nobody's business inside.
    pub(super) const fn bytes(self) -> [u8; 10] {
        let code = match self {
            Self::Done => 0,
            Self::NotAllowed => 2,
            Self::HostUnreachable => 4,
            Self::CommandUnknown => 7,
        };
        [VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]
    }
}

/// What bytes that may not be complete say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read<T> {
    /// It ends after so many bytes.
    Whole(T, usize),
    /// There must be more.
    Partial,
    /// It cannot be read.
    Bad,
}

/// The client's greeting: whether it goes without a password.
pub(super) fn greeting(bytes: &[u8]) -> Read<bool> {
    let [version, count, rest @ ..] = bytes else { return Read::Partial };
    if *version != VERSION {
        return Read::Bad;
    }
    let count = usize::from(*count);
    rest.get(..count)
        .map_or(Read::Partial, |methods| Read::Whole(methods.contains(&0), count.saturating_add(2)))
}

/// The client's request. A command other than CONNECT, or a host that is not plainly written, is nothing.
pub(super) fn request(bytes: &[u8]) -> Read<Option<Destination>> {
    let [version, command, reserved, kind, rest @ ..] = bytes else { return Read::Partial };
    if *version != VERSION || *reserved != 0 {
        return Read::Bad;
    }
    let (host, rest, length) = match (kind, rest) {
        (1, [a, b, c, d, rest @ ..]) => {
            (Host::address(IpAddr::V4(Ipv4Addr::new(*a, *b, *c, *d))), rest, 4_usize)
        }
        (3, [length, rest @ ..]) => {
            let length = usize::from(*length);
            let Some((name, rest)) = rest.split_at_checked(length) else { return Read::Partial };
            let name = std::str::from_utf8(name).ok().and_then(Host::parse);
            (name, rest, length.saturating_add(1))
        }
        (4, _) => {
            let Some((address, rest)) = rest.split_first_chunk::<16>() else { return Read::Partial };
            (Host::address(IpAddr::V6(Ipv6Addr::from(*address))), rest, 16)
        }
        (1 | 3, _) => return Read::Partial,
        _ => return Read::Bad,
    };
    let [high, low, ..] = rest else { return Read::Partial };
    let port = u16::from_be_bytes([*high, *low]);
    let to = host.filter(|_| *command == 1 && port != 0).map(|host| Destination { host, port });
    Read::Whole(to, length.saturating_add(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &[u8], port: u16) -> Vec<u8> {
        let length = u8::try_from(name.len()).unwrap();
        [&[5, 1, 0, 3, length], name, &port.to_be_bytes()].concat()
    }

    #[test]
    fn a_request_names_a_host_or_an_address() {
        let to = Destination::parse("a.example:443");
        assert_eq!(request(&named(b"A.example.", 443)), Read::Whole(to, 17));
        let v4 = Destination::parse("10.0.0.1:80");
        assert_eq!(request(&[5, 1, 0, 1, 10, 0, 0, 1, 0, 80, 9]), Read::Whole(v4, 10));
        let v6 = [&[5, 1, 0, 4][..], &Ipv6Addr::LOCALHOST.octets(), &[0, 80]].concat();
        assert_eq!(request(&v6), Read::Whole(Destination::parse("[::1]:80"), 22));
    }

    #[test]
    fn every_beginning_of_a_request_waits_for_the_rest() {
        for whole in [named(b"a.example", 443), vec![5, 1, 0, 1, 10, 0, 0, 1, 0, 80]] {
            for end in 0..whole.len() {
                assert_eq!(request(&whole[..end]), Read::Partial, "{end}");
            }
        }
        assert_eq!(greeting(&[5, 2, 2]), Read::Partial);
        assert_eq!(greeting(&[5, 2, 2, 0]), Read::Whole(true, 4));
        assert_eq!(greeting(&[5, 1, 2]), Read::Whole(false, 3));
    }

    #[test]
    fn other_commands_and_hosts_in_disguise_lead_nowhere() {
        let mut bind = named(b"a.example", 443);
        bind[1] = 2;
        assert_eq!(request(&bind), Read::Whole(None, 16));
        for name in [&b"127.1"[..], b"0x7f.1", b"a\0b", b"::1", b"\xff", b""] {
            assert!(matches!(request(&named(name, 80)), Read::Whole(None, _)), "{name:?}");
        }
        assert!(matches!(request(&named(b"a.example", 0)), Read::Whole(None, _)));
        let mapped =
            [&[5, 1, 0, 4][..], &"::ffff:10.0.0.1".parse::<Ipv6Addr>().unwrap().octets(), &[0, 80]].concat();
        assert!(matches!(request(&mapped), Read::Whole(None, 22)));
        assert_eq!(request(&[4, 1, 0, 1]), Read::Bad);
        assert_eq!(request(&[5, 1, 0, 9]), Read::Bad);
    }
}
