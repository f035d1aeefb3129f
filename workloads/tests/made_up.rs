//! Graphs whose nodes are all allowed, without anybody being asked.

use std::collections::BTreeMap;

use perry_sandbox_engine::{Desired, Seen, Up, Work, reconcile};
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice};
use perry_sandbox_workloads::{Approved, Asked, Graph, Strategy, demands, desire};
use serde_json::{Value, json};

/// A graph of these nodes, which must be right.
pub(crate) fn graph(nodes: Value) -> Graph {
    Graph::read(json!({ "name": "shop", "nodes": nodes })).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What is wrong with a graph of these nodes, a line each.
pub(crate) fn wrong(nodes: Value) -> Vec<String> {
    let problems = Graph::read(json!({ "name": "shop", "nodes": nodes })).unwrap_err();
    problems.iter().map(ToString::to_string).collect()
}

pub(crate) fn allowed(graph: &Graph) -> BTreeMap<String, Approved> {
    let one =
        Approved { image: "r.example/a".to_owned(), plan: "p".to_owned(), backend: "native".to_owned() };
    graph.nodes().map(|(name, _)| (name.to_owned(), one.clone())).collect()
}

pub(crate) fn desired(graph: &Graph, strategy: Strategy) -> Desired {
    let (policy, signer, access) =
        (PolicyChoice::default(), SignerChoice::default(), AccessChoice::default());
    let asked = Asked { policy: &policy, signer: &signer, access: &access };
    desire(graph, &demands(graph), &allowed(graph), asked, strategy).unwrap()
}

/// The steps for a world in which there is nothing of it.
pub(crate) fn work(graph: &Graph, strategy: Strategy) -> Work {
    reconcile(&desired(graph, strategy), &Seen::default(), Up::default(), "r1").unwrap()
}
