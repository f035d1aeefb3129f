//! What one sandbox calls another beside the names that all have for it, in podman's networks: kept with its container, for
//! whoever writes its file of names.

use std::fmt;

use perry_sandbox_policy::ServiceLink;
use serde::{Deserialize, Serialize};

use super::super::stock::StockName;

/// The label of a container that has some.
pub(super) const LINKS: &str = "perry-sandbox.links";

/// Links of one sandbox, each in one network. As text: `NETWORK:NAME:ALIAS`, one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(in super::super) struct Links(Vec<(StockName, ServiceLink)>);

impl Links {
    pub(super) const fn new(all: Vec<(StockName, ServiceLink)>) -> Self {
        Self(all)
    }

    /// Reads a label, which anybody may have written: what is none is left out.
    pub(super) fn read(text: &str) -> Self {
        let read = |part: &str| {
            let (network, link) = part.split_once(':')?;
            Some((network.parse().ok()?, link.parse().ok()?))
        };
        Self(text.split(' ').filter_map(read).collect())
    }

    /// What somebody of these names in a network is called as well.
    pub(super) fn of<'a>(
        &'a self,
        network: &'a str,
        is_called: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = &'a str> {
        let all = self
            .0
            .iter()
            .filter(move |(here, link)| here.as_str() == network && is_called(link.name.as_str()));
        all.map(|(_, link)| link.alias.as_str())
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (network, link)) in self.0.iter().enumerate() {
            let space = if number == 0 { "" } else { " " };
            write!(f, "{space}{network}:{link}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_no_link_is_left_out() {
        let text = "shop_back:db:database shop_front:web:www";
        let links = Links::read(text);
        assert_eq!(links.to_string(), text);
        assert_eq!(links.of("shop_back", |name| name == "db").collect::<Vec<_>>(), ["database"]);
        assert_eq!(links.of("shop_front", |name| name == "db").count(), 0);
        for text in ["", "shop_back", "shop_back:db", "shop_back:db:a\nb", "-x:db:a", "shop_back:db:a:b"] {
            assert_eq!(Links::read(text), Links::default(), "{text:?}");
        }
    }
}
