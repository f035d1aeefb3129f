//! Which addresses a network has, and which of them a sandbox gets.

use std::net::{IpAddr, Ipv4Addr};

/// An IPv4 subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    first: u32,
    prefix: u32,
}

/// How the addresses of a network are given to sandboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pool {
    /// All of them.
    pub(super) subnet: Range,
    /// One that no sandbox gets; nothing: the first is given to whoever asks for it, and to nobody else.
    pub(super) gateway: Option<Ipv4Addr>,
    /// Those that one gets that asks for none; nothing: any.
    pub(super) range: Option<Range>,
}

impl Pool {
    /// All addresses of a subnet.
    pub(super) const fn of(subnet: Range) -> Self {
        Self { subnet, gateway: None, range: None }
    }

    /// The first address that nobody has. The gateway's is left out; where none is named that is the first of all, which it is
    /// in networks of others.
    pub(super) fn next(&self, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        let hosts = (self.subnet.first.saturating_add(1), self.subnet.last().saturating_sub(1));
        let gateway = self.gateway.unwrap_or(Ipv4Addr::from_bits(hosts.0));
        let from = self.range.unwrap_or(self.subnet);
        let all = from.first.max(hosts.0)..=from.last().min(hosts.1);
        all.map(Ipv4Addr::from_bits).find(|address| *address != gateway && !taken.contains(address))
    }

    /// An address that was asked for, or why it cannot be had.
    pub(super) fn wanted(&self, address: IpAddr, taken: &[Ipv4Addr]) -> Result<Ipv4Addr, &'static str> {
        let IpAddr::V4(address) = address else {
            return Err("networks of the embedded backend have IPv4 addresses only");
        };
        if address.to_bits() <= self.subnet.first || address.to_bits() >= self.subnet.last() {
            return Err("it is not an address for one host of its subnet: choose one that is");
        }
        if self.gateway == Some(address) {
            return Err("it is the gateway's of its network: choose another");
        }
        if taken.contains(&address) {
            return Err("a sandbox that runs has it: stop that, or choose another");
        }
        Ok(address)
    }
}

/// `10.89.0.0/16` is what engines give to networks as well; those of sandboxes meet none of them.
const DEFAULTS: u32 = Ipv4Addr::new(10, 89, 0, 0).to_bits();
const DEFAULT_PREFIX: u32 = 24;

impl Range {
    /// Reads what a label or a caller says, which a subnet's own type has checked.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (address, prefix): (Ipv4Addr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
        // With fewer than 8 bits it would be half of the world, with more than 30 nobody's.
        (8..=30).contains(&prefix).then_some(Self { first: address.to_bits(), prefix })
    }

    /// The first of the usual ones that meets none of the taken.
    pub(super) fn free(taken: &[Self]) -> Option<Self> {
        let all = (0..256_u32)
            .map(|number| Self { first: DEFAULTS | number.wrapping_shl(8), prefix: DEFAULT_PREFIX });
        all.into_iter().find(|range| taken.iter().all(|other| !range.meets(*other)))
    }

    pub(super) const fn prefix(self) -> u32 {
        self.prefix
    }

    const fn last(self) -> u32 {
        self.first | u32::MAX.wrapping_shr(self.prefix)
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.first), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::read(text).unwrap()
    }

    #[test]
    fn the_next_subnet_meets_none_that_is_taken() {
        assert_eq!(Range::free(&[]).unwrap().to_string(), "10.89.0.0/24");
        let taken = [range("10.89.0.0/24"), range("10.89.1.128/25"), range("10.89.2.0/23")];
        assert_eq!(Range::free(&taken).unwrap().to_string(), "10.89.4.0/24");
        assert_eq!(Range::free(&[range("10.0.0.0/8")]), None);
        assert!(Range::read("fd00::/64").is_none() && Range::read("10.0.0.0/31").is_none());
    }

    #[test]
    fn addresses_are_those_of_hosts_and_one_has_each() {
        let small = Pool::of(range("10.1.2.0/30"));
        let (two, three) = (Ipv4Addr::new(10, 1, 2, 2), Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!((small.next(&[]), small.next(&[two])), (Some(two), None));
        assert_eq!(small.wanted(two.into(), &[]), Ok(two));
        for (address, taken) in [(two, vec![two]), (three, vec![]), (Ipv4Addr::new(10, 1, 2, 0), vec![])] {
            assert!(small.wanted(address.into(), &taken).is_err(), "{address}");
        }
        assert!(small.wanted("::1".parse().unwrap(), &[]).is_err());
    }

    #[test]
    fn a_gateway_is_nobodys_and_a_range_is_for_those_who_ask_for_no_address() {
        let at = |last: u8| Ipv4Addr::new(10, 1, 2, last);
        let (subnet, gateway) = (range("10.1.2.0/24"), Some(at(5)));
        let all = Pool { subnet, gateway, range: None };
        assert_eq!((all.next(&[]), all.next(&[1, 2, 3, 4].map(at))), (Some(at(1)), Some(at(6))));
        assert!(all.wanted(at(5).into(), &[]).is_err());
        assert_eq!(all.wanted(at(254).into(), &[]), Ok(at(254)));
        let some = Pool { range: Some(range("10.1.2.4/30")), ..all };
        assert_eq!((some.next(&[]), some.next(&[at(4)])), (Some(at(4)), Some(at(6))));
        assert_eq!(some.next(&[4, 6, 7].map(at)), None, "others are for those who ask for them");
        assert_eq!(some.wanted(at(9).into(), &[]), Ok(at(9)));
        let first = Pool { gateway: None, range: Some(range("10.1.2.0/30")), ..all };
        assert_eq!(first.next(&[]), Some(at(2)), "neither the network's own nor the first");
    }
}
