use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Condition, Stack};

/// A service that needs another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Edge {
    /// Who needs.
    pub from: String,
    /// Who is needed.
    pub to: String,
    /// How far it must be.
    pub until: Condition,
}

/// All edges, in order.
pub fn edges(stack: &Stack) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (from, service) in &stack.services {
        let depends = service.depends_on.iter().map(|one| (one.value.service.as_str(), one.value.condition));
        let conditions: BTreeMap<&str, Condition> = depends.collect();
        for to in service.needed().into_iter().filter(|to| stack.services.contains_key(to)) {
            let until = conditions.get(to.as_str()).copied().unwrap_or(Condition::Started);
            edges.push(Edge { from: from.clone(), to, until });
        }
    }
    edges
}

/// A word for an edge that waits for more than the start.
pub(super) const fn label(until: Condition) -> Option<&'static str> {
    match until {
        Condition::Started => None,
        Condition::Healthy => Some("healthy"),
        Condition::Completed => Some("completed"),
    }
}
