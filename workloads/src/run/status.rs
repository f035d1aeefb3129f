use std::collections::BTreeMap;

use perry_sandbox_engine::{Condition, Membership, condition};
use perry_sandbox_runner::{Health, SandboxInfo};
use serde::Serialize;

use crate::model::Graph;

/// Where a graph stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphStatus {
    /// The graph.
    pub name: String,
    /// Whether every node is well, runs where nobody says so, or has ended with code 0.
    pub healthy: bool,
    /// Every node of its description, and every other that there is something of, in the order of their names.
    pub nodes: Vec<NodeStatus>,
    /// What is wrong, by the names of nodes.
    pub errors: BTreeMap<String, String>,
}

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// The node.
    pub node_id: String,
    /// The name of its sandbox.
    pub name: Option<String>,
    /// The id of its sandbox.
    pub container_id: Option<String>,
    /// Where it stands.
    pub state: State,
    /// What its health check says, if it has one and runs.
    pub health: Option<Health>,
    /// The image, as it was asked for.
    pub image: String,
    /// The digest of the manifest that runs.
    pub digest: Option<String>,
    /// The tier that it runs under.
    pub tier: Option<String>,
}

/// Where a node stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It runs.
    Running,
    /// It has ended with code 0.
    Stopped,
    /// It has ended otherwise, or its health check says that it is not well.
    Failed,
    /// It was not started.
    Pending,
}

impl GraphStatus {
    /// What the sandboxes of a graph say, against its description where there is one.
    pub(super) fn of(name: &str, graph: Option<&Graph>, members: &[(Membership, SandboxInfo)]) -> Self {
        let mut nodes: BTreeMap<&str, (NodeStatus, Option<String>)> = BTreeMap::new();
        for (node, described) in graph.into_iter().flat_map(Graph::nodes) {
            nodes.insert(
                node,
                (NodeStatus::pending(node, &described.image), Some("was not started".to_owned())),
            );
        }
        for (member, info) in members {
            nodes.insert(&member.service, NodeStatus::of(member, info));
        }
        let errors = nodes.iter().filter_map(|(name, (_, error))| Some(((*name).to_owned(), error.clone()?)));
        let errors: BTreeMap<String, String> = errors.collect();
        let is_well = |(node, _): &(NodeStatus, Option<String>)| {
            matches!(
                (node.state, node.health),
                (State::Running, None | Some(Health::Healthy)) | (State::Stopped, _)
            )
        };
        let healthy = !nodes.is_empty() && nodes.values().all(is_well);
        Self {
            name: name.to_owned(),
            healthy,
            nodes: nodes.into_values().map(|(node, _)| node).collect(),
            errors,
        }
    }
}

impl NodeStatus {
    fn pending(node: &str, image: &str) -> Self {
        Self {
            node_id: node.to_owned(),
            name: None,
            container_id: None,
            state: State::Pending,
            health: None,
            image: image.to_owned(),
            digest: None,
            tier: None,
        }
    }

    /// With what is wrong.
    fn of(member: &Membership, info: &SandboxInfo) -> (Self, Option<String>) {
        let (state, health, error) = match condition(info) {
            Condition::Created => (State::Pending, None, Some("was not started".to_owned())),
            Condition::Running(Some(Health::Unhealthy)) => {
                (State::Failed, Some(Health::Unhealthy), Some("is unhealthy".to_owned()))
            }
            Condition::Running(health) => (State::Running, health, None),
            Condition::Restarted(times) => {
                (State::Failed, None, Some(format!("was run again {times} times, since it ends")))
            }
            Condition::Exited(0) => (State::Stopped, None, None),
            Condition::Exited(code) => (State::Failed, None, Some(format!("has ended with code {code}"))),
            Condition::Lost(how) => (State::Failed, None, Some(how)),
        };
        let status = Self {
            node_id: member.service.clone(),
            name: Some(info.name.to_string()),
            container_id: Some(info.id.to_string()),
            state,
            health,
            image: info.image.clone(),
            digest: Some(info.manifest.to_string()),
            tier: Some(info.tier.clone()),
        };
        (status, error)
    }
}
