//! Which addresses a network has, and which of them a sandbox gets.

use std::net::{IpAddr, Ipv4Addr};

/// An IPv4 subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    first: u32,
    prefix: u32,
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

    /// The first address that nobody has. The first of all is left out: a gateway's, where others have one.
    pub(super) fn next(self, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        let all = self.first.saturating_add(2)..self.last();
        all.map(Ipv4Addr::from_bits).find(|address| !taken.contains(address))
    }

    /// An address that was asked for, or why it cannot be had.
    pub(super) fn wanted(self, address: IpAddr, taken: &[Ipv4Addr]) -> Result<Ipv4Addr, &'static str> {
        let IpAddr::V4(address) = address else {
            return Err("networks of the embedded backend have IPv4 addresses only");
        };
        if address.to_bits() <= self.first || address.to_bits() >= self.last() {
            return Err("it is not an address for one host of its subnet: choose one that is");
        }
        if taken.contains(&address) {
            return Err("a sandbox that runs has it: stop that, or choose another");
        }
        Ok(address)
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
        let small = range("10.1.2.0/30");
        let (two, three) = (Ipv4Addr::new(10, 1, 2, 2), Ipv4Addr::new(10, 1, 2, 3));
        assert_eq!((small.next(&[]), small.next(&[two])), (Some(two), None));
        assert_eq!(small.wanted(two.into(), &[]), Ok(two));
        for (address, taken) in [(two, vec![two]), (three, vec![]), (Ipv4Addr::new(10, 1, 2, 0), vec![])] {
            assert!(small.wanted(address.into(), &taken).is_err(), "{address}");
        }
        assert!(small.wanted("::1".parse().unwrap(), &[]).is_err());
    }
}
