//! Networks and volumes that are to be made.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use perry_sandbox_policy::{NetworkName, VolumeName};
use serde::{Serialize, Serializer};

use super::super::tool::plain;
use super::words::{Labels, Project, StockName, WordError};

/// A row of addresses: the first, and how many bits all of them have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    first: IpAddr,
    length: u32,
}

impl Subnet {
    /// The first and the last, as numbers, where the address is of the same kind.
    fn ends(self) -> (u128, u128) {
        let (bits, first) = bits(self.first);
        let rest =
            u128::MAX.checked_shr(128_u32.saturating_sub(bits.saturating_sub(self.length))).unwrap_or(0);
        (first, first | rest)
    }

    /// Whether that is one of these.
    fn holds(self, address: IpAddr) -> bool {
        let (first, last) = self.ends();
        address.is_ipv4() == self.first.is_ipv4() && (first..=last).contains(&bits(address).1)
    }

    /// Whether that is an address for one host of these: the first and the last mean all.
    fn has_host(self, address: IpAddr) -> bool {
        let (first, last) = self.ends();
        self.holds(address) && ![first, last].contains(&bits(address).1)
    }

    fn has(self, other: Self) -> bool {
        let (own, theirs) = (self.ends(), other.ends());
        other.first.is_ipv4() == self.first.is_ipv4() && own.0 <= theirs.0 && theirs.1 <= own.1
    }

    pub(in super::super) const fn is_v6(self) -> bool {
        self.first.is_ipv6()
    }
}

/// How many bits such an address has, and which.
fn bits(address: IpAddr) -> (u32, u128) {
    match address {
        IpAddr::V4(address) => (32, u128::from(u32::from(address))),
        IpAddr::V6(address) => (128, u128::from(address)),
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.length)
    }
}

impl Serialize for Subnet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Subnet {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let wrong = || WordError::Subnet(plain(text.as_bytes()));
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        // Where two bits are left, a gateway and one more have addresses.
        let (bits, rest) = bits(first);
        let host = bits.checked_sub(length).filter(|host| *host >= 2 && length > 0).ok_or_else(wrong)?;
        if rest.trailing_zeros() < host { Err(wrong()) } else { Ok(Self { first, length }) }
    }
}

/// The addresses of a network, and which of them sandboxes get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    subnet: Subnet,
    gateway: Option<IpAddr>,
    range: Option<Subnet>,
}

impl Addresses {
    /// All of these.
    pub const fn of(subnet: Subnet) -> Self {
        Self { subnet, gateway: None, range: None }
    }

    /// As texts: the subnet, an address of it that no sandbox gets, and those that one gets that asks for none. Nothing where
    /// nothing is said.
    ///
    /// # Errors
    /// One is no address or row of addresses, not of the subnet, or there is no subnet.
    pub fn read(
        subnet: Option<&str>,
        gateway: Option<&str>,
        range: Option<&str>,
    ) -> Result<Option<Self>, WordError> {
        let rest = gateway.or(range);
        let Some(subnet) = subnet.map(str::parse::<Subnet>).transpose()? else {
            return rest.map_or(Ok(None), |text| Err(WordError::NoSubnet(plain(text.as_bytes()))));
        };
        let outside = |text: &str| WordError::Outside(plain(text.as_bytes()), subnet);
        let read =
            |text: &str| text.parse().ok().filter(|at| subnet.has_host(*at)).ok_or_else(|| outside(text));
        let gateway = gateway.map(read).transpose()?;
        let range = range
            .map(|text| {
                text.parse().and_then(|row| if subnet.has(row) { Ok(row) } else { Err(outside(text)) })
            })
            .transpose()?;
        Ok(Some(Self { subnet, gateway, range }))
    }

    /// All of them.
    pub const fn subnet(&self) -> Subnet {
        self.subnet
    }

    /// The one that no sandbox gets: others' networks have their way out there.
    pub const fn gateway(&self) -> Option<IpAddr> {
        self.gateway
    }

    /// Those that a sandbox gets that asks for none; nothing: any.
    pub const fn range(&self) -> Option<Subnet> {
        self.range
    }

    /// Whether none of those is the gateway's, so that nobody need know of that.
    pub(in super::super) fn are_beside_gateway(&self) -> bool {
        self.gateway.is_none_or(|gateway| self.range.is_some_and(|range| !range.holds(gateway)))
    }
}

/// A network that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNetwork {
    /// Its name.
    pub name: StockName,
    /// Its labels.
    pub labels: Labels,
    /// Whether nothing outside can be reached from it.
    pub internal: bool,
    /// Its addresses; the engine chooses where there are none.
    pub addresses: Option<Addresses>,
}

impl NewNetwork {
    /// One of a project: nothing outside is reached from it.
    ///
    /// # Errors
    /// Together, project and name are longer than an engine's name, or it is another project's.
    pub fn of_project(project: &Project, key: &NetworkName) -> Result<Self, WordError> {
        let name = match key.external() {
            None => StockName::of_network(project, key)?,
            Some(_) => return Err(WordError::Name(key.to_string())),
        };
        Ok(Self { name, labels: Labels::default().of_project(project), internal: true, addresses: None })
    }
}

/// A volume that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVolume {
    /// Its name.
    pub name: StockName,
    /// Its labels.
    pub labels: Labels,
}

impl NewVolume {
    /// One of a project.
    ///
    /// # Errors
    /// Together, project and name are longer than an engine's name.
    pub fn of_project(project: &Project, key: &VolumeName) -> Result<Self, WordError> {
        let name = StockName::in_project(project, key)?;
        Ok(Self { name, labels: Labels::default().of_project(project) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::{PROJECT, StockKind};
    use super::*;

    #[test]
    fn a_subnet_is_whole() {
        for text in ["10.89.7.0/24", "10.0.0.0/8", "192.168.1.4/30", "fd00:1::/64"] {
            assert_eq!(text.parse::<Subnet>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.1/24",
            "0.0.0.0/0",
            "10.0.0.0/31",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0/8",
            "::/0",
            "fd00::1/64",
            "--x/8",
        ] {
            assert!(text.parse::<Subnet>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_gateway_and_a_range_are_of_the_subnet() {
        let read = |gateway, range| Addresses::read(Some("10.89.7.0/24"), gateway, range);
        let all = read(Some("10.89.7.254"), Some("10.89.7.128/26")).unwrap().unwrap();
        assert_eq!(all.gateway(), Some("10.89.7.254".parse().unwrap()));
        assert_eq!(all.range().unwrap().to_string(), "10.89.7.128/26");
        assert!(
            all.are_beside_gateway() && !read(Some("10.89.7.1"), None).unwrap().unwrap().are_beside_gateway()
        );
        for inside in ["10.89.7.128", "10.89.7.130", "10.89.7.191"] {
            assert!(!read(Some(inside), Some("10.89.7.128/26")).unwrap().unwrap().are_beside_gateway());
        }
        for gateway in ["10.89.8.1", "10.89.7.0", "10.89.7.255", "fd00::1", "x", ""] {
            assert!(matches!(read(Some(gateway), None), Err(WordError::Outside(..))), "{gateway}");
        }
        for range in ["10.89.8.0/26", "10.89.0.0/16", "fd00::/64"] {
            assert!(matches!(read(None, Some(range)), Err(WordError::Outside(..))), "{range}");
        }
        assert!(matches!(read(None, Some("10.89.7.1/26")), Err(WordError::Subnet(_))));
        assert!(matches!(Addresses::read(None, Some("10.89.7.1"), None), Err(WordError::NoSubnet(_))));
        assert_eq!(Addresses::read(None, None, None).unwrap(), None);
        let six = Addresses::read(Some("fd00::/64"), Some("fd00::1"), None).unwrap().unwrap();
        assert!(six.subnet().is_v6() && "fd00::/1".parse::<Subnet>().is_err());
    }

    #[test]
    fn what_a_project_calls_something_is_an_engines_name_with_the_project_before_it() {
        let project: Project = "shop".parse().unwrap();
        let network = NewNetwork::of_project(&project, &"back".parse().unwrap()).unwrap();
        assert_eq!((network.name.as_str(), network.internal), ("shop_back", true));
        let labels = network.labels.with_ours(StockKind::Network, &network.name);
        assert_eq!(labels[PROJECT], "shop");
        for text in ["", "Shop", "a/b", "-x", "a b", "a\n"] {
            assert!(text.parse::<Project>().is_err(), "{text:?}");
        }
        let long: Project = "x".repeat(64).parse().unwrap();
        let key: VolumeName = "y".repeat(64).parse().unwrap();
        assert!(matches!(NewVolume::of_project(&long, &key), Err(WordError::Name(_))));
        assert!(matches!(Labels::parse(&[format!("{PROJECT}=x")]), Err(WordError::Reserved(_))));
    }
}
