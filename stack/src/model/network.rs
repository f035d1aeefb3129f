use perry_sandbox_compose::{Node, Span};

use super::{At, read};

/// A network that a service joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The network's name in the project.
    pub network: String,
    /// Further names of the service there.
    pub aliases: Vec<At<String>>,
    /// The address of version 4 that it wants there.
    pub ipv4: Option<At<String>>,
    /// The address of version 6 that it wants there.
    pub ipv6: Option<At<String>>,
    /// Attributes of the attachment beside those.
    pub others: Vec<(String, Span)>,
}

const KNOWN: [&str; 3] = ["aliases", "ipv4_address", "ipv6_address"];

pub(super) fn read(service: &Node) -> Vec<At<Joined>> {
    let networks = read::entries(service.get("networks")).into_iter().map(|(key, node)| {
        let others =
            read::entries(Some(node)).into_iter().filter(|(key, _)| !KNOWN.contains(&key.name.as_str()));
        let joined = Joined {
            network: key.name.clone(),
            aliases: read::texts(node.get("aliases")),
            ipv4: read::text_at(node, "ipv4_address"),
            ipv6: read::text_at(node, "ipv6_address"),
            others: others.map(|(key, _)| (key.name.clone(), key.span)).collect(),
        };
        At::new(joined, key.span)
    });
    networks.collect()
}
