use std::collections::BTreeMap;

use perry_sandbox_engine::Until;
use perry_sandbox_policy::{HostName, ServiceName};
use serde_json::{Map, Value};

use super::checks::{self, Draft, Parts};
use super::node;
use super::object::{Found, Object, quoted};
use super::problem::Problems;
use crate::model::Graph;

/// Most nodes of a graph.
const MOST_NODES: usize = 4_096;
/// How a condition is written, in Perry's words and in ours.
pub(super) const CONDITIONS: [(&str, Until); 6] = [
    ("service_started", Until::Started),
    ("service_healthy", Until::Healthy),
    ("service_completed_successfully", Until::Completed),
    ("started", Until::Started),
    ("healthy", Until::Healthy),
    ("completed", Until::Completed),
];

impl Graph {
    /// Reads a graph: `{name, nodes: {NAME: {…}}, edges?: [{from, to, condition?}]}`.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(written: Value) -> Result<Self, Problems> {
        let mut found = Found::default();
        let read = read(&written, &mut found);
        match read {
            Some((name, Parts { nodes, edges, order })) if found.is_empty() => {
                Ok(Self { name, nodes, edges, order, written })
            }
            Some(_) | None => Err(Problems(found.into_sorted())),
        }
    }
}

fn read(value: &Value, found: &mut Found) -> Option<(String, Parts)> {
    let mut object = Object::of(value, String::new(), found)?;
    object.require("name", "what runs is found again by it", found);
    let name = object.text("name", found).map(str::to_owned);
    let name = name.filter(|name| is_name(name, "name", found));
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    for (id, at, value) in object.entries("nodes", MOST_NODES, found) {
        is_node_name(name.as_deref(), id, &at, found);
        if let Some(draft) = node::read(id, value, at, found) {
            drafts.insert(id.clone(), draft);
        }
    }
    if value
        .get("nodes")
        .is_none_or(|nodes| matches!(nodes, Value::Null) || nodes.as_object().is_some_and(Map::is_empty))
    {
        found.add("nodes", "has none: a graph has at least one node");
    }
    edges(&mut object, &mut drafts, found);
    object.finish(found);
    let known = |id: &str| value.get("nodes").is_some_and(|nodes| nodes.get(id).is_some());
    let parts = checks::parts(drafts, &known, found);
    Some((name?, parts?))
}

/// `edges`: as what each node says itself that it depends on.
fn edges(object: &mut Object<'_>, drafts: &mut BTreeMap<String, Draft>, found: &mut Found) {
    for (at, value) in object.list("edges", found) {
        let Some(mut edge) = Object::of(value, at, found) else { continue };
        let (from, to) = (edge.text("from", found), edge.text("to", found));
        let until = edge.word("condition", &CONDITIONS, found).unwrap_or(Until::Started);
        edge.finish(found);
        let (Some(from), Some(to)) = (from, to) else {
            found.add(&edge.at, "needs `from` and `to`: the node that waits, and the one that it waits for");
            continue;
        };
        match drafts.get_mut(from) {
            Some(draft) => draft.needs.push((to.to_owned(), until, edge.place("to"))),
            None => found.add(&edge.place("from"), format_args!("there is no node `{}`", quoted(from))),
        }
    }
}

fn is_name(name: &str, at: &str, found: &mut Found) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let starts = name.starts_with(|char: char| char.is_ascii_lowercase() || char.is_ascii_digit());
    let is = starts && name.len() <= 63 && name.bytes().all(plain);
    if !is {
        let expected = "expected at most 63 of a-z, 0-9, `_` and `-`, a letter or digit first";
        found.add(at, format_args!("`{}` is no name: {expected}", quoted(name)));
    }
    is
}

/// A node's name is one in the policy and one in the network.
fn is_node_name(graph: Option<&str>, id: &str, at: &str, found: &mut Found) {
    if is_name(id, at, found) {
        let service = format!("{}/{id}", graph.unwrap_or("graph")).parse::<ServiceName>().map(drop);
        if let Err(error) = service.and_then(|()| id.parse::<HostName>().map(drop)) {
            found.add(at, error);
        }
    }
}
