//! `graphUp`, `graphResume`, `graphCheck`, `graphStatus`, `graphRead`: workload graphs.

use std::num::NonZeroUsize;
use std::time::Duration;

use perry_sandbox_engine::Options;
use perry_sandbox_pipeline::{AccessChoice, PolicyChoice, SignerChoice};
use perry_sandbox_runner::Secrets;
use perry_sandbox_workloads::{Asked, Graph, OnFailure, Problems, Strategy, Up, Workloads, check_strategy};
use serde_json::json;

use super::raising::{Untold, heeding, reached, verdicts};
use super::{secrets, target};
use crate::calls::Call;
use crate::engine::Engine;
use crate::envelope::{Fields, json};
use crate::fault::Fault;

const FAILURES: [(&str, OnFailure); 3] = [
    ("rollbackAll", OnFailure::RollbackAll),
    ("partialContinue", OnFailure::PartialContinue),
    ("haltGraph", OnFailure::HaltGraph),
];

/// A graph, and who is asked about it.
#[derive(Debug)]
pub(crate) struct Described {
    graph: Graph,
    policy: PolicyChoice,
    signer: SignerChoice,
    access: AccessChoice,
}

/// A graph to bring up.
#[derive(Debug)]
pub(crate) struct Raise {
    described: Described,
    strategy: Strategy,
    on_failure: OnFailure,
    patience: Duration,
    secrets: Secrets,
}

/// A graph by its name.
#[derive(Debug)]
pub(crate) struct Named {
    name: String,
    verb: Verb,
}

#[derive(Debug)]
enum Verb {
    Resume(Secrets),
    Status,
    Read,
}

impl Described {
    /// `{graph, policy?, signer?, pull?, …}`.
    fn read_from(fields: &mut Fields) -> Result<Self, Fault> {
        let written = fields.take("graph").ok_or_else(|| fields.missing("graph"))?;
        let graph = Graph::read(written.into_value()).map_err(|problems| unusable(&problems))?;
        let (policy, signer) = (target::policy(fields)?, target::signer(fields)?);
        Ok(Self { graph, policy, signer, access: target::access(fields)? })
    }

    /// The same. How it would be brought up is checked too, and used for nothing: whoever asks first has no second form to write.
    pub(super) fn read(fields: Fields) -> Result<Self, Fault> {
        let Raise { described, strategy, .. } = Raise::read(fields)?;
        check_strategy(&described.graph, strategy)?;
        Ok(described)
    }

    fn asked(&self) -> Asked<'_> {
        Asked { policy: &self.policy, signer: &self.signer, access: &self.access }
    }

    /// What policy and verifier say of each node. Nothing runs.
    pub(super) fn run(self, engine: &Engine) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let judged = Workloads::new(&pipeline).judge(&self.graph, self.asked());
        let allowed =
            judged.len() == self.graph.nodes().count() && judged.iter().all(|one| one.judgement.is_allowed());
        json(&json!({ "name": self.graph.name(), "allowed": allowed, "nodes": verdicts(&judged, "nodeId") }))
    }
}

fn unusable(problems: &Problems) -> Fault {
    let each: Vec<_> =
        problems.iter().map(|problem| json!({ "at": problem.at, "why": problem.why })).collect();
    Fault::bad_request(problems.to_string()).with(&json!({ "problems": each }))
}

impl Raise {
    /// `{graph, strategy?, maxParallel?, onFailure?, waitTimeoutMs?, secrets?, secretsBase64?, …}`.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let described = Described::read_from(&mut fields)?;
        let most = fields.whole("maxParallel")?;
        let parallel = |most: u64| usize::try_from(most).ok().and_then(NonZeroUsize::new);
        let words = [
            ("sequential", Strategy::Sequential),
            ("maxParallel", Strategy::MaxParallel(NonZeroUsize::MIN)),
            ("dependencyAware", Strategy::DependencyAware),
            ("parallelSafe", Strategy::ParallelSafe),
        ];
        let strategy = match (fields.word("strategy", &words)?.unwrap_or_default(), most) {
            (Strategy::MaxParallel(_), Some(most)) => {
                let most = parallel(most)
                    .ok_or_else(|| fields.refuse("maxParallel", "is expected to be above 0"))?;
                Strategy::MaxParallel(most)
            }
            (Strategy::MaxParallel(_), None) => {
                return Err(fields.refuse("maxParallel", "is missing: how many nodes may start at once"));
            }
            (_, Some(_)) => {
                return Err(fields.refuse("maxParallel", "belongs to the strategy `maxParallel` only"));
            }
            (strategy, None) => strategy,
        };
        let on_failure = fields.word("onFailure", &FAILURES)?.unwrap_or_default();
        let patience =
            fields.whole("waitTimeoutMs")?.map_or(Options::default().patience, Duration::from_millis);
        let secrets = secrets::secrets(&mut fields)?;
        fields.finish()?;
        Ok(Self { described, strategy, on_failure, patience, secrets })
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let graph = &self.described.graph;
        let secrets = |node: &str| values(graph, node, &self.secrets);
        heeding(engine, call, |interrupt| {
            let up = Up {
                asked: self.described.asked(),
                strategy: self.strategy,
                on_failure: self.on_failure,
                patience: self.patience,
                secrets: &secrets,
                interrupt,
                events: &Untold,
            };
            json(&reached(&Workloads::new(&pipeline).up(graph, &up)?))
        })
    }
}

/// The values of a node's secrets.
fn values(graph: &Graph, node: &str, given: &Secrets) -> Result<Secrets, String> {
    let names = graph.node(node).into_iter().flat_map(|node| &node.secrets);
    given.picked(names).map_err(|error| error.to_string())
}

impl Named {
    /// `{name, secrets?, secretsBase64?}`.
    pub(super) fn resume(mut fields: Fields) -> Result<Self, Fault> {
        let secrets = secrets::secrets(&mut fields)?;
        Self::read(fields, Verb::Resume(secrets))
    }

    /// `{name}`.
    pub(super) fn status(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Verb::Status)
    }

    /// `{name}`.
    pub(super) fn describe(fields: Fields) -> Result<Self, Fault> {
        Self::read(fields, Verb::Read)
    }

    fn read(mut fields: Fields, verb: Verb) -> Result<Self, Fault> {
        let name = fields.required_text("name")?;
        fields.finish()?;
        Ok(Self { name, verb })
    }

    pub(super) fn run(self, engine: &Engine, call: &Call) -> Result<String, Fault> {
        let pipeline = engine.pipeline()?;
        let workloads = Workloads::new(&pipeline);
        match self.verb {
            Verb::Status => json(&workloads.status(&self.name)?),
            Verb::Read => {
                let graph = workloads.graph(&self.name)?;
                json(&json!({
                    "graph": graph.written(), "edges": graph.edges(), "levels": graph.levels(),
                }))
            }
            Verb::Resume(given) => {
                let graph = workloads.graph(&self.name)?;
                let secrets = |node: &str| values(&graph, node, &given);
                heeding(engine, call, |interrupt| {
                    json(&reached(&workloads.resume(&self.name, (&secrets, interrupt), &Untold)?))
                })
            }
        }
    }

    /// Whether it starts something.
    pub(super) const fn is_long(&self) -> bool {
        matches!(self.verb, Verb::Resume(_))
    }
}
