use std::collections::BTreeMap;

use perry_sandbox_engine::Until;
use perry_sandbox_stack::Order;
use serde::Serialize;
use serde_json::Value;

use super::Node;

/// A graph of nodes. Made by [`Graph::read`] only.
#[derive(Debug, Clone)]
pub struct Graph {
    pub(crate) name: String,
    pub(crate) nodes: BTreeMap<String, Node>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) order: Order,
    pub(crate) written: Value,
}

/// A node that needs another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Edge {
    /// Who needs.
    pub from: String,
    /// Who is needed.
    pub to: String,
    /// How far it must be.
    pub until: Until,
}

impl Graph {
    /// The name, by which what runs of it is found again.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A node.
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// All nodes with their names, in the order of these.
    pub fn nodes(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(name, node)| (name.as_str(), node))
    }

    /// Who needs whom, in order; two nodes have one edge at most, of the longest wait that was asked for.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The levels: each needs only those before it, and the nodes of one can start at the same time.
    pub fn levels(&self) -> &[Vec<String>] {
        self.order.levels()
    }

    /// All nodes, each behind those that it needs; the same order for the same graph.
    pub fn order(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.order.start()
    }

    /// The graph as it was written.
    pub const fn written(&self) -> &Value {
        &self.written
    }
}
