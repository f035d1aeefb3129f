//! From a graph whose nodes are all allowed to what the engine brings up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use perry_sandbox_engine::{Desired, NetworkUnit, Project, StopHow, Unit, Until, VolumeUnit, Wait};
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice, Wish};
use perry_sandbox_policy::{VolumeAccess, VolumeName};
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::SandboxName;
use perry_sandbox_stack::{Demand, Demands, Judged, Judgement};

use crate::error::WorkloadError;
use crate::model::{Graph, Health, Node};
use crate::strategy::Strategy;

/// Who was asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The policies.
    pub policy: &'a PolicyChoice,
    /// Who must have signed, beside them.
    pub signer: &'a SignerChoice,
    /// How registries are reached.
    pub access: &'a AccessChoice,
}

/// What the desks have allowed of one node. They are asked again when it starts, and what they allow then must be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The image, by its digest.
    pub image: String,
    /// The digest of the plan.
    pub plan: String,
    /// The backend that the plan is for.
    pub backend: String,
}

impl Approved {
    /// The verdicts by node, of those that are allowed.
    pub fn all(judged: &[Judged]) -> BTreeMap<String, Self> {
        let one = |judged: &Judged| {
            let Judgement::Allowed(allowed) = &judged.judgement else { return None };
            let (plan, backend) = (allowed.plan.to_string(), allowed.backend.clone());
            Some((judged.service.clone(), Self { image: judged.pinned(), plan, backend }))
        };
        judged.iter().filter_map(one).collect()
    }
}

/// What there is to be; nothing if a node is not allowed. Pure.
pub fn desire(
    graph: &Graph,
    demands: &Demands,
    approved: &BTreeMap<String, Approved>,
    asked: Asked<'_>,
    strategy: Strategy,
) -> Option<Desired> {
    let mut waits = waits(graph);
    if strategy == Strategy::ParallelSafe {
        one_after_another(graph, &mut waits);
    }
    let mut units = Vec::new();
    for name in graph.order() {
        let (node, demand) = (graph.node(name)?, demands.services.get(name)?);
        let after = waits.remove(name).unwrap_or_default();
        units.push(unit(graph, (name, node), demand, approved.get(name)?, asked, after)?);
    }
    let used = |keys: fn(&Unit) -> &Vec<String>| -> BTreeSet<String> {
        units.iter().flat_map(keys).cloned().collect()
    };
    let (networks, volumes) = (used(|unit| &unit.networks), used(|unit| &unit.volumes));
    Some(Desired {
        project: Project { name: graph.name().to_owned(), origin: origin(graph.name()) },
        networks: networks.into_iter().map(|key| NetworkUnit { key, ..NetworkUnit::default() }).collect(),
        volumes: volumes.into_iter().map(|key| VolumeUnit { key, service: None }).collect(),
        external_networks: BTreeSet::new(),
        external_volumes: BTreeSet::new(),
        none_of: BTreeSet::new(),
        services: graph.nodes().map(|(name, _)| name.to_owned()).collect(),
        units,
    })
}

/// A digest that no folder has: a graph is known by its name alone.
pub(crate) fn origin(graph: &str) -> String {
    Digest::of(format!("workload/{graph}").as_bytes()).hex().chars().take(16).collect()
}

fn unit(
    graph: &Graph,
    (name, node): (&str, &Node),
    demand: &Demand,
    approved: &Approved,
    asked: Asked<'_>,
    after: Vec<Wait>,
) -> Option<Unit> {
    let wish = demand.wish((&approved.image, None), asked.policy, asked.signer, asked.access)?;
    let full = format!("{}-{name}", graph.name());
    Some(Unit {
        beside: None,
        borrows: Vec::new(),
        service: name.to_owned(),
        replica: 1,
        name: full.parse::<SandboxName>().ok().map(|_| full),
        config: config(graph, name, node),
        plan: approved.plan.clone(),
        // Whoever asks by these words again, from another environment, asks for the backend that the verdict was about.
        wish: Wish { backend: Some(approved.backend.clone()), ..wish },
        upkeep: node.upkeep.clone(),
        secrets: !node.secrets.is_empty(),
        stop: StopHow { signal: None, grace: node.stop_grace },
        after,
        networks: demand.project.networks.iter().map(|one| one.network.to_string()).collect(),
        volumes: demand.project.volumes.iter().map(|one| one.volume.to_string()).collect(),
    })
}

/// A digest of all that the graph says of a node.
fn config(graph: &Graph, name: &str, node: &Node) -> String {
    let written = graph.written().get("nodes").and_then(|nodes| nodes.get(name));
    let mut text = written.map(ToString::to_string).unwrap_or_default();
    // None of them has a NUL.
    for part in node.variables().iter().flat_map(|(name, value)| [name, value]) {
        text.push('\0');
        text.push_str(part);
    }
    Digest::of(text.as_bytes()).hex().to_owned()
}

type Waits = BTreeMap<String, Vec<Wait>>;

fn waits(graph: &Graph) -> Waits {
    let mut waits = Waits::new();
    for edge in graph.edges() {
        let wait =
            Wait { service: edge.to.as_str().into(), until: edge.until, required: true, restart: false };
        waits.entry(edge.from.clone()).or_default().push(wait);
    }
    waits
}

/// Those that share something start behind each other; that one fails is not the other's failure.
///
/// Each waits for all before it, not only for the last: that one may be passed over, and then nobody waits for it.
fn one_after_another(graph: &Graph, waits: &mut Waits) {
    for Sharing { nodes, .. } in shared(graph) {
        let far = |name: &str| {
            let checked = graph.node(name).is_some_and(|node| node.health() == Health::Checked);
            if checked { Until::Healthy } else { Until::Started }
        };
        let nodes: Vec<(Arc<str>, Until)> = nodes.into_iter().map(|name| (name.into(), far(name))).collect();
        for (at, (second, _)) in nodes.iter().enumerate() {
            let waits = waits.entry(second.to_string()).or_default();
            let known: BTreeMap<Arc<str>, Until> =
                waits.iter().map(|wait| (Arc::clone(&wait.service), wait.until)).collect();
            for (first, until) in nodes.iter().take(at) {
                // A weaker wait stays beside it: what it requires is not more than it says.
                if known.get(first).is_none_or(|known| known < until) {
                    let service = Arc::clone(first);
                    waits.push(Wait { service, until: *until, required: false, restart: false });
                }
            }
        }
    }
}

/// So many nodes may share something under [`Strategy::ParallelSafe`]: each waits for all before it, and these are kept with
/// its sandbox.
const MOST_SHARING: usize = 1_024;

/// Whether a graph can be brought up in this way.
///
/// # Errors
/// More nodes share a volume or port than can be kept apart, where that is asked for.
pub fn check_strategy(graph: &Graph, strategy: Strategy) -> Result<(), WorkloadError> {
    if strategy != Strategy::ParallelSafe {
        return Ok(());
    }
    match shared(graph).into_iter().find(|sharing| sharing.nodes.len() > MOST_SHARING) {
        Some(crowd) => {
            let (what, count) = (crowd.what, crowd.nodes.len());
            Err(WorkloadError::Crowd { what, count, most: MOST_SHARING })
        }
        None => Ok(()),
    }
}

/// Nodes that share something, in the order of starts.
struct Sharing<'a> {
    what: String,
    nodes: Vec<&'a str>,
}

/// Nodes that share a volume that one of them writes, or a port of the host.
fn shared(graph: &Graph) -> Vec<Sharing<'_>> {
    let mut volumes: BTreeMap<&VolumeName, (Vec<&str>, bool)> = BTreeMap::new();
    let mut ports: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for name in graph.order() {
        let Some(node) = graph.node(name) else { continue };
        for mount in &node.volumes {
            let (users, written) = volumes.entry(&mount.volume).or_default();
            *written |= mount.access == VolumeAccess::Write;
            if users.last() != Some(&name) {
                users.push(name);
            }
        }
        for on in node.ports.iter().filter_map(|port| port.published.as_ref()) {
            let users = ports.entry(on.socket().port()).or_default();
            if users.last() != Some(&name) {
                users.push(name);
            }
        }
    }
    let volumes = volumes.into_iter().filter(|(_, (_, written))| *written);
    let volumes = volumes.map(|(name, (nodes, _))| Sharing { what: format!("the volume `{name}`"), nodes });
    let ports = ports
        .into_iter()
        .map(|(port, nodes)| Sharing { what: format!("the port {port} of the host"), nodes });
    volumes.chain(ports).filter(|sharing| sharing.nodes.len() > 1).collect()
}
