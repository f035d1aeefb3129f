//! Who may go where: pure, and the only place where that is decided.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use perry_sandbox_policy::{EgressPattern, HostPattern, Pattern as _, PatternError, PortPattern};
use serde::{Deserialize, Serialize};

use super::host::{Destination, Host};

/// The plan's patterns.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub(crate) struct Grants(Vec<EgressPattern>);

impl TryFrom<Vec<String>> for Grants {
    type Error = PatternError;

    fn try_from(texts: Vec<String>) -> Result<Self, PatternError> {
        texts.iter().map(|text| text.parse()).collect::<Result<_, _>>().map(Self)
    }
}

impl From<Grants> for Vec<String> {
    fn from(grants: Grants) -> Self {
        grants.0.iter().map(ToString::to_string).collect()
    }
}

/// What an address is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Anybody's.
    Public,
    /// The host itself, or a network around it: a grant has to name the very address.
    Near,
    /// Nobody goes there, whatever is granted.
    Barred,
}

impl Grants {
    /// Whether there is anything.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a pattern covers this host at this port.
    pub(super) fn covers(&self, to: &Destination) -> bool {
        let wanted =
            EgressPattern { host: HostPattern::Exact(to.host.to_string()), port: PortPattern::One(to.port) };
        self.0.iter().any(|pattern| pattern.includes(&wanted))
    }

    /// Whether a pattern covers this name at some port.
    pub(super) fn covers_name(&self, name: &str) -> bool {
        let wanted = HostPattern::Exact(name.to_owned());
        let covers = |pattern: &EgressPattern| {
            let wanted = EgressPattern { host: wanted.clone(), port: pattern.port };
            pattern.includes(&wanted)
        };
        self.0.iter().any(covers)
    }

    /// Whether this address may be connected to for somebody who wants to go there.
    ///
    /// SECURITY: a name is the choice of whoever answers for it. The address that is judged is the one that is connected
    /// to; it is not looked up again (DNS rebinding).
    pub(super) fn admits(&self, to: &Destination, address: IpAddr) -> bool {
        self.covers(to)
            && match reach(address) {
                Reach::Public => true,
                Reach::Near => self.names(address, to.port),
                Reach::Barred => false,
            }
    }

    /// Whether a pattern is this very address.
    fn names(&self, address: IpAddr, port: u16) -> bool {
        let exact = HostPattern::Exact(Host::Address(address).to_string());
        let named = |pattern: &&EgressPattern| pattern.host == exact;
        self.0
            .iter()
            .filter(named)
            .any(|pattern| matches!(pattern.port, PortPattern::Any) || pattern.port == PortPattern::One(port))
    }
}

/// Metadata services of clouds that lie outside of link-local addresses.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

const METADATA_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x42),
    Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// What kind of address it is.
pub(super) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, _] = address.octets();
    // "This" network, multicast, reserved and broadcast.
    let nowhere = a == 0 || a >= 224;
    if nowhere || address.is_link_local() || METADATA_V4.contains(&address) {
        return Reach::Barred;
    }
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && matches!(b, 18 | 19);
    let protocol = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    let near = address.is_loopback() || address.is_private() || shared || benchmark || protocol;
    if near || address.is_documentation() { Reach::Near } else { Reach::Public }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let parts = address.segments();
    let [first, second, ..] = parts;
    let site_local = first & 0xffc0 == 0xfec0;
    if address.is_unspecified()
        || address.is_multicast()
        || first & 0xffc0 == 0xfe80
        || METADATA_V6.contains(&address)
    {
        return Reach::Barred;
    }
    if address.is_loopback() || first & 0xfe00 == 0xfc00 || site_local {
        return Reach::Near;
    }
    if let Some(inner) = embedded(parts) {
        return reach_v4(inner);
    }
    // Only global unicast is anybody's. Of it, Teredo, ORCHID and other protocols, and what is for documents, are not.
    let special = first == 0x2001 && (second < 0x200 || second == 0xdb8) || first == 0x3fff;
    if first & 0xe000 != 0x2000 || special { Reach::Near } else { Reach::Public }
}

/// The IPv4 address that a translator on the way would connect to: mapped, compatible, NAT64, 6to4.
fn embedded(parts: [u16; 8]) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants(texts: &[&str]) -> Grants {
        Grants::try_from(texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn to(text: &str) -> Destination {
        Destination::parse(text).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const NEAR: [&str; 22] = [
        "127.0.0.1",
        "127.255.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.127.255.255",
        "198.18.0.1",
        "192.0.2.1",
        "::1",
        "fd12::1",
        "fc00::1",
        "fec0::1",
        "2001:db8::1",
        "2001::1",
        "64:ff9b:1::1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "::ffff:10.0.0.1",
        "::10.0.0.1",
        "::ffff:0:10.0.0.1",
    ];

    const BARRED: [&str; 22] = [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "ff02::1",
        "fe80::1",
        "febf::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
    ];

    #[test]
    fn a_name_leads_to_public_addresses_only() {
        let grants = grants(&["*:443", "a.example:443"]);
        for public in
            ["1.1.1.1", "172.32.0.1", "100.63.0.1", "192.0.1.1", "2606:4700::1111", "64:ff9b::101:101"]
        {
            assert!(grants.admits(&to("a.example:443"), ip(public)), "{public}");
        }
        for address in NEAR.into_iter().chain(BARRED) {
            assert!(!grants.admits(&to("a.example:443"), ip(address)), "{address}");
        }
    }

    #[test]
    fn a_near_address_is_reached_where_a_grant_names_it_and_a_barred_one_never() {
        for address in NEAR {
            let literal = Host::Address(ip(address)).to_string();
            let named = grants(&[&format!("{literal}:443"), "a.example:*"]);
            assert!(named.admits(&to("a.example:443"), ip(address)), "{address}");
            assert!(!named.admits(&to("a.example:80"), ip(address)), "{address} at another port");
        }
        for address in BARRED {
            let literal = Host::Address(ip(address)).to_string();
            let named = grants(&[&format!("{literal}:*"), "*:*"]);
            let wanted = Destination { host: Host::Address(ip(address)), port: 80 };
            assert!(!named.admits(&wanted, ip(address)), "{address}");
        }
    }

    #[test]
    fn a_wildcard_names_no_near_address() {
        let wanted = to("10.0.0.1:80");
        assert!(grants(&["10.0.0.1:80"]).admits(&wanted, ip("10.0.0.1")));
        assert!(!grants(&["*:80"]).admits(&wanted, ip("10.0.0.1")));
        assert!(!grants(&["*.0.example:80"]).admits(&wanted, ip("10.0.0.1")));
    }

    #[test]
    fn a_name_is_covered_whatever_its_port() {
        let grants = grants(&["*.example.org:443", "b.example:1"]);
        assert!(grants.covers_name("a.example.org") && grants.covers_name("b.example"));
        assert!(!grants.covers_name("example.org") && !grants.covers_name("c.example"));
    }

    proptest! {
        #[test]
        fn nothing_is_admitted_that_no_pattern_covers(port in 1_u16.., bits: u128, granted in 1_u16..) {
            let address = if bits & 1 == 0 {
                IpAddr::V6(Ipv6Addr::from_bits(bits))
            } else {
                IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits >> 96).unwrap()))
            };
            let grants = grants(&[&format!("a.example:{granted}")]);
            let admitted = grants.admits(&Destination { host: Host::Name("a.example".to_owned()), port }, address);
            prop_assert_eq!(admitted, port == granted && reach(address) == Reach::Public);
            let other = Destination { host: Host::Name("b.example".to_owned()), port };
            prop_assert!(!grants.admits(&other, address));
        }

        #[test]
        fn an_ipv4_address_is_judged_alike_in_every_form(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let [a, b, c, d] = v4.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let forms = [
                v4.to_ipv6_mapped(),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ];
            for form in forms {
                prop_assert_eq!(reach(IpAddr::V6(form)), reach_v4(v4), "{}", form);
            }
        }
    }
}
