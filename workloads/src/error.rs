use perry_sandbox_engine::{EngineError, RaiseError};
use perry_sandbox_pipeline::PipelineError;
use perry_sandbox_stack::Judged;
use thiserror::Error;

use crate::read::Problems;
use crate::run::Raised;

/// Why something was not done with a graph.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkloadError {
    /// Not every node is allowed; nothing was started.
    #[error("nothing was started: {}", refusals(.0))]
    Refused(Vec<Judged>),
    /// Nodes would be on several backends, which share no network.
    #[error(
        "nodes that share networks or volumes would be on {one} and on {other}: let all of them have one backend, by `PERRY_CONTAINER_BACKEND` or the policy"
    )]
    Backends {
        /// One of them.
        one: String,
        /// Another.
        other: String,
    },
    /// More nodes than can be kept apart.
    #[error(
        "{count} nodes share {what}, and the strategy `parallelSafe` starts at most {most} of such one after another: share it between fewer, or choose another strategy"
    )]
    Crowd {
        /// What they share.
        what: String,
        /// How many.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// It is not up.
    #[error(transparent)]
    Raise(#[from] RaiseError),
    /// The run was halted; what is up stays.
    #[error("the graph was halted: {why}")]
    Halted {
        /// Why.
        why: String,
        /// How far each node came.
        raised: Raised,
    },
    /// The engine cannot work on it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The sandboxes of this machine cannot be used.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// There is no such graph.
    #[error("there is no graph `{0}` here: bring it up first")]
    NoGraph(String),
    /// There is no such node.
    #[error("the graph `{graph}` has no node `{node}` that was started")]
    NoNode {
        /// The graph.
        graph: String,
        /// The node.
        node: String,
    },
    /// What is remembered of a graph cannot be read.
    #[error(
        "what is remembered of the graph `{graph}` cannot be read: {source}; bring it up again from its description"
    )]
    Remembered {
        /// The graph.
        graph: String,
        /// What is wrong.
        source: Problems,
    },
}

fn refusals(judged: &[Judged]) -> String {
    let refused = judged.iter().filter(|one| !one.judgement.is_allowed());
    let each = refused.map(|one| {
        format!("`{}` is {}: {}", one.service, one.judgement.word(), one.judgement.reasons().join("; "))
    });
    each.collect::<Vec<_>>().join("; ")
}
