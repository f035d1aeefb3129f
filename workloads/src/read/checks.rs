//! What holds between nodes: edges lead to nodes and in no circle, references to ports in a network, ports are had once.

use std::collections::{BTreeMap, BTreeSet};

use perry_sandbox_engine::Until;
use perry_sandbox_policy::Protocol;
use perry_sandbox_stack::{Graph as Needs, Order};

use super::object::{Found, quoted};
use super::variable::References;
use crate::model::{Edge, Network, Node};
use crate::resolve;

/// A node whose words are read, and whose edges are not looked at yet.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) node: Node,
    pub(super) at: String,
    /// Whom it needs, how far that must be, and where that is said.
    pub(super) needs: Vec<(String, Until, String)>,
    pub(super) references: References,
}

/// All of a graph but its name and how it was written.
pub(super) struct Parts {
    pub(super) nodes: BTreeMap<String, Node>,
    pub(super) edges: Vec<Edge>,
    pub(super) order: Order,
}

/// The parts of a graph, if all of it holds.
pub(super) fn parts(
    mut drafts: BTreeMap<String, Draft>,
    known: &dyn Fn(&str) -> bool,
    found: &mut Found,
) -> Option<Parts> {
    let resolved = references(&drafts, known, found);
    let edges = edges(&drafts, known, found);
    health(&drafts, &edges, found);
    alone(&drafts, found);
    ports(&drafts, found);
    let order = match Needs::new(&by_node(&drafts, &edges)).order() {
        Ok(order) => order,
        Err(cycle) => {
            found.add("nodes", cycle);
            return None;
        }
    };
    for (node, variable, text) in resolved {
        if let Some(draft) = drafts.get_mut(&node) {
            draft.node.env.insert(variable, text);
        }
    }
    let nodes = drafts.into_iter().map(|(name, draft)| (name, draft.node)).collect();
    let edges = edges.into_iter().map(|((from, to), until)| Edge { from, to, until }).collect();
    Some(Parts { nodes, edges, order })
}

type Edges = BTreeMap<(String, String), Until>;

fn by_node(drafts: &BTreeMap<String, Draft>, edges: &Edges) -> BTreeMap<String, BTreeSet<String>> {
    let mut needs: BTreeMap<String, BTreeSet<String>> =
        drafts.keys().map(|name| (name.clone(), BTreeSet::new())).collect();
    for (from, to) in edges.keys() {
        if let Some(needs) = needs.get_mut(from) {
            needs.insert(to.clone());
        }
    }
    needs
}

/// All edges; of two between the same nodes the one that waits longer.
fn edges(drafts: &BTreeMap<String, Draft>, known: &dyn Fn(&str) -> bool, found: &mut Found) -> Edges {
    let mut edges = Edges::new();
    for (name, draft) in drafts {
        let references = draft.references.iter().map(|(_, to, at)| (&to.node, Until::Started, at));
        let said = draft.needs.iter().map(|(to, until, at)| (to, *until, at));
        for (to, until, at) in said.chain(references) {
            if to == name {
                found.add(at, "is the node itself");
            } else if known(to) {
                let edge = edges.entry((name.clone(), to.clone())).or_insert(until);
                *edge = (*edge).max(until);
            } else {
                found.add(at, format_args!("there is no node `{}`", quoted(to)));
            }
        }
    }
    edges
}

/// Who is waited for until it is well must have somebody who says so.
fn health(drafts: &BTreeMap<String, Draft>, edges: &Edges, found: &mut Found) {
    for ((from, to), _) in edges.iter().filter(|(_, until)| **until == Until::Healthy) {
        let (Some(from), Some(draft)) = (drafts.get(from), drafts.get(to)) else { continue };
        if draft.node.upkeep.health.is_none() {
            found.add(&from.at, format_args!("waits until `{to}` is healthy, which has no `health`"));
        }
    }
}

/// Each reference as text: the node, the variable, and what it comes to.
fn references(
    drafts: &BTreeMap<String, Draft>,
    known: &dyn Fn(&str) -> bool,
    found: &mut Found,
) -> Vec<(String, String, String)> {
    let mut resolved = Vec::new();
    for (name, draft) in drafts {
        for (variable, reference, at) in &draft.references {
            if draft.node.network == Network::None {
                found.add(at, "is a reference, and this node is in no network");
            }
            // One whose own description is wrong has been told already, and one that is none is told as an edge.
            let Some(target) = drafts.get(&reference.node).filter(|_| known(&reference.node)) else {
                continue;
            };
            match resolve::text(reference, &target.node) {
                Ok(text) => resolved.push((name.clone(), variable.clone(), text)),
                Err(why) => found.add(at, why),
            }
        }
    }
    resolved
}

/// Who is in no network is reached by nobody, and reaches nobody.
fn alone(drafts: &BTreeMap<String, Draft>, found: &mut Found) {
    for draft in drafts.values().filter(|draft| draft.node.network == Network::None) {
        if draft.node.ports.iter().any(|port| port.published.is_some()) {
            found.add(&draft.at, "publishes a port, and is in no network: nobody would reach it");
        }
        if !draft.node.egress.is_empty() {
            found.add(&draft.at, "asks for `egress`, and its policy says that it has no network");
        }
    }
}

/// A port of the host is published once, and one of all addresses is one of each.
fn ports(drafts: &BTreeMap<String, Draft>, found: &mut Found) {
    let mut seen: BTreeMap<(u16, Protocol), Vec<(std::net::IpAddr, &str)>> = BTreeMap::new();
    for (name, draft) in drafts {
        for port in &draft.node.ports {
            let Some(on) = &port.published else { continue };
            let (ip, number) = (on.socket().ip(), on.socket().port());
            let others = seen.entry((number, port.protocol)).or_default();
            let clash = others
                .iter()
                .find(|(other, _)| *other == ip || other.is_unspecified() || ip.is_unspecified());
            if let Some((_, other)) = clash {
                found.add(&draft.at, format_args!("publishes {on}, which `{other}` does already"));
            }
            others.push((ip, name));
        }
    }
}
