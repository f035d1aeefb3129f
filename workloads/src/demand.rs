//! What each node asks for, in the words of the desks.

use std::collections::BTreeMap;

use perry_sandbox_compose::{FileId, Mark, Span};
use perry_sandbox_policy::{Attachment, HostName, IsolationLevel, Publication, WantedGrants, WantedProject};
use perry_sandbox_stack::{At, Demand, Demands, Must};

use crate::model::{Graph, Network, Node};

/// The network of a graph, by its name in the graph.
const NETWORK: &str = "default";
/// No file has it: a graph is read from JSON, and what is wrong with it is told by paths.
const NOWHERE: Span = {
    let mark = Mark { offset: 0, line: 0, column: 0 };
    Span { file: FileId(0), start: mark, end: mark }
};

/// What all nodes of a graph ask for. Pure: the same graph gives the same demands.
pub fn demands(graph: &Graph) -> Demands {
    let services: BTreeMap<String, Demand> =
        graph.nodes().map(|(name, node)| (name.to_owned(), demand(graph, name, node))).collect();
    Demands { services, refused: Vec::new() }
}

fn demand(graph: &Graph, name: &str, node: &Node) -> Demand {
    let grants = WantedGrants {
        egress: node.egress.clone(),
        secrets: node.secrets.clone(),
        ..WantedGrants::default()
    };
    Demand {
        // The reader has seen to it that this is a name; a service without one is refused.
        service: format!("{}/{name}", graph.name()).parse().ok(),
        image: Some(At::new(node.image.clone(), NOWHERE)),
        entrypoint: node.entrypoint.clone(),
        args: node.args.clone(),
        env: node.env.clone(),
        user: node.user.clone(),
        working_dir: node.workdir.clone(),
        tier: node.tier.clone(),
        backend: node.isolation.and_then(backend).map(str::to_owned),
        platform: node.platform.clone(),
        pull: node.pull,
        grants,
        project: project(name, node),
        probe: node.upkeep.health.as_ref().map(|probe| probe.command.clone()),
        limits: node.limits.clone(),
        must: must(node),
        ..Demand::nothing(NOWHERE)
    }
}

/// The backend that has this wall and no other; where there are several the policy chooses, and the plan is looked at.
const fn backend(level: IsolationLevel) -> Option<&'static str> {
    match level {
        IsolationLevel::Microvm => Some("microvm"),
        IsolationLevel::Wasm => Some("wasm"),
        IsolationLevel::Oci | IsolationLevel::Gvisor => None,
    }
}

/// SECURITY: what a node declares is held against the plan that the policy allows; to declare a wall is not to have it.
fn must(node: &Node) -> Must {
    let numbers = |user: &String| {
        let (uid, gid) = user.split_once(':')?;
        Some((uid.parse().ok()?, gid.parse().ok()))
    };
    Must {
        read_only: node.read_only.then_some(NOWHERE),
        user: node.user.as_ref().and_then(numbers).map(|user| At::new(user, NOWHERE)),
        isolation: node.isolation.map(|level| At::new(level, NOWHERE)),
        ..Must::default()
    }
}

fn project(name: &str, node: &Node) -> WantedProject {
    let attachment = || {
        let alias: HostName = name.parse().ok()?;
        Some(Attachment { aliases: vec![alias], ..Attachment::to(NETWORK.parse().ok()?) })
    };
    let networks = match node.network {
        Network::OfTheGraph => attachment().into_iter().collect(),
        Network::None => Vec::new(),
    };
    let publish = node.ports.iter().filter_map(|port| {
        let on = port.published?;
        Some(Publication { on: on.into(), port: port.inside, protocol: port.protocol })
    });
    let mut publish: Vec<Publication> = publish.collect();
    publish.sort();
    publish.dedup();
    WantedProject { networks, publish, volumes: node.volumes.clone(), ..WantedProject::default() }
}
