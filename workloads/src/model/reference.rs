use std::num::NonZeroU16;

/// What a reference to a node comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projection {
    /// `host:port`.
    Endpoint,
    /// The host alone. A name, not a number: addresses change with every start, and the name is looked up in the graph's
    /// own network.
    Ip,
    /// `http://host:port`.
    InternalUrl,
}

/// A reference from a variable to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The other node.
    pub node: String,
    /// What of it.
    pub projection: Projection,
    /// Which of its ports; nothing: its only one, or 80.
    pub port: Option<NonZeroU16>,
}
