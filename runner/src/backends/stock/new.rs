//! Networks and volumes that are to be made.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use perry_sandbox_policy::{NetworkName, VolumeName};
use serde::Serialize;

use super::super::tool::plain;
use super::words::{Labels, Project, StockName, WordError};

/// The addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Subnet(String);

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Subnet {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        let wrong = || WordError::Subnet(plain(text.as_bytes()));
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        // Where two bits are left, a gateway and one more have addresses.
        let (bits, rest) = match address {
            IpAddr::V4(address) => (32_u32, u128::from(u32::from(address))),
            IpAddr::V6(address) => (128, u128::from(address)),
        };
        let host = bits.checked_sub(length).filter(|host| *host >= 2 && length > 0).ok_or_else(wrong)?;
        if rest.trailing_zeros() < host { Err(wrong()) } else { Ok(Self(format!("{address}/{length}"))) }
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
    pub subnet: Option<Subnet>,
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
        Ok(Self { name, labels: Labels::default().of_project(project), internal: true, subnet: None })
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
