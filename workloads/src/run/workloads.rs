use std::collections::BTreeMap;
use std::time::Duration;

use perry_sandbox_engine::{
    Down, Ended, Events, Interrupt, Left, Raise, RaiseError, Reached, Remembered, Role, SecretSource, Site,
};
use perry_sandbox_pipeline::{Pipeline, here};
use perry_sandbox_runner::SandboxId;
use perry_sandbox_stack::{Desks, Judged, judge, shared_backend};

use super::memory::Memory;
use super::status::GraphStatus;
use crate::demand::demands;
use crate::desire::{Approved, Asked, check_strategy, desire, origin};
use crate::error::WorkloadError;
use crate::model::Graph;
use crate::strategy::{OnFailure, Strategy};

/// The graphs of one user on this machine.
#[derive(Debug)]
pub struct Workloads<'p> {
    site: Site<'p>,
}

/// How a graph is brought up.
#[derive(Clone, Copy)]
pub struct Up<'a> {
    /// Who is asked.
    pub asked: Asked<'a>,
    /// In which way nodes are started.
    pub strategy: Strategy,
    /// What becomes of the rest when one fails.
    pub on_failure: OnFailure,
    /// How long a node may take to be as far as another waits for.
    pub patience: Duration,
    /// Who supplies the values of secrets.
    pub secrets: &'a SecretSource<'a>,
    /// Who ends it.
    pub interrupt: &'a Interrupt,
    /// Who is told.
    pub events: &'a dyn Events,
}

impl std::fmt::Debug for Up<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Up").field("strategy", &self.strategy).finish_non_exhaustive()
    }
}

/// A graph that is up, or as much of it as was to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// The graph.
    pub graph: String,
    /// How far each node came.
    pub nodes: BTreeMap<String, Reached>,
}

impl<'p> Workloads<'p> {
    /// Those of the pipeline's folders.
    pub fn new(pipeline: &'p Pipeline) -> Self {
        Self { site: Site::new(pipeline) }
    }

    /// Asks policy and verifier about every node. Nothing runs, and nothing of the world changes.
    pub fn judge(&self, graph: &Graph, asked: Asked<'_>) -> Vec<Judged> {
        let Asked { policy, signer, access } = asked;
        let desks = Desks {
            pipeline: self.site.pipeline(),
            policy,
            signer,
            access,
            lock: None,
            built: &BTreeMap::new(),
        };
        judge(desks, &demands(graph))
    }

    /// Brings a graph up: what has changed is made anew, what is as it is to be is left alone. Every node is allowed and
    /// verified before anything starts.
    ///
    /// # Errors
    /// A node is not allowed, or the graph is not up; what was to be kept of it is in the error.
    pub fn up(&self, graph: &Graph, up: &Up<'_>) -> Result<Raised, WorkloadError> {
        // Without a folder that can be told, only images that are paths are not found again.
        self.up_from(graph, up, here().ok())
    }

    fn up_from(&self, graph: &Graph, up: &Up<'_>, folder: Option<String>) -> Result<Raised, WorkloadError> {
        check_strategy(graph, up.strategy)?;
        let judged = self.judge(graph, up.asked);
        let demands = demands(graph);
        let desired = desire(graph, &demands, &Approved::all(&judged), up.asked, up.strategy);
        let Some(desired) = desired else { return Err(WorkloadError::Refused(judged)) };
        let backend = shared_backend(&desired, &judged)
            .map_err(|split| WorkloadError::Backends { one: split.one, other: split.other })?;
        let raise = Raise {
            desired: &desired,
            memory: Remembered {
                origin: desired.project.origin.clone(),
                folder: String::new(),
                backend,
                description: serde_json::to_value(Memory::new(graph, up, folder)?).ok(),
            },
            up: perry_sandbox_engine::Up { remove_orphans: true, ..Default::default() },
            options: perry_sandbox_engine::Options {
                patience: up.patience,
                ..up.strategy.options(up.on_failure)
            },
            patience: up.patience,
            secrets: up.secrets,
            interrupt: up.interrupt,
            events: up.events,
        };
        let named = |reached: Vec<Reached>| Raised {
            graph: graph.name().to_owned(),
            nodes: desired.units.iter().map(|unit| unit.service.clone()).zip(reached).collect(),
        };
        match self.site.raise(&raise) {
            Ok(ids) => Ok(named(ids.into_iter().map(|id| Reached::Up(id.unwrap_or_default())).collect())),
            Err(RaiseError::Failed(error)) if !error.reached.is_empty() && error.left.is_empty() => {
                let some_up = error.reached.iter().any(|one| matches!(one, Reached::Up(_)));
                match up.on_failure {
                    OnFailure::PartialContinue if some_up => Ok(named(error.reached)),
                    OnFailure::HaltGraph => {
                        let why = error.to_string();
                        Err(WorkloadError::Halted { why, raised: named(error.reached) })
                    }
                    OnFailure::RollbackAll | OnFailure::PartialContinue => {
                        Err(RaiseError::Failed(error).into())
                    }
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Brings a graph up again, as it was brought up before: what has ended or is gone since.
    ///
    /// # Errors
    /// There is none of this name, or as [`Workloads::up`].
    pub fn resume(
        &self,
        name: &str,
        (secrets, interrupt): (&SecretSource<'_>, &Interrupt),
        events: &dyn Events,
    ) -> Result<Raised, WorkloadError> {
        let memory = self.memory(name)?.ok_or_else(|| WorkloadError::NoGraph(name.to_owned()))?;
        let graph = read(name, &memory)?;
        let asked = Asked { policy: &memory.policy, signer: &memory.signer, access: &memory.access };
        let (strategy, on_failure) = (memory.strategy, memory.on_failure);
        let patience = memory.patience.unwrap_or(perry_sandbox_engine::Options::default().patience);
        let up = Up { asked, strategy, on_failure, patience, secrets, interrupt, events };
        self.up_from(&graph, &up, memory.folder.clone())
    }

    /// Ends a graph and removes what it has; its volumes only where that is said.
    ///
    /// # Errors
    /// Another run works on it, or it cannot be looked at.
    pub fn down(
        &self,
        name: &str,
        (volumes, grace): (bool, Option<Duration>),
        events: &dyn Events,
    ) -> Result<Ended, WorkloadError> {
        let how = Down { volumes, grace, orphans: true, ..Down::default() };
        Ok(self.site.down(name, Some(&origin(name)), &how, events)?)
    }

    /// Undoes what a run had begun that was killed; nothing: the last run came to its end.
    ///
    /// # Errors
    /// As [`Workloads::down`].
    pub fn recover(
        &self,
        name: &str,
        how: (&SecretSource<'_>, &Interrupt),
        events: &dyn Events,
    ) -> Result<Option<Vec<Left>>, WorkloadError> {
        Ok(self.site.recover(name, how, events)?)
    }

    /// Where a graph and its nodes stand.
    ///
    /// # Errors
    /// There is none of this name, or its sandboxes cannot be listed.
    pub fn status(&self, name: &str) -> Result<GraphStatus, WorkloadError> {
        let graph = self.memory(name)?.map(|memory| read(name, &memory)).transpose()?;
        let mut members = self.site.members(name)?;
        members.retain(|(member, _)| member.role == Role::Replica && member.origin == origin(name));
        if graph.is_none() && members.is_empty() {
            return Err(WorkloadError::NoGraph(name.to_owned()));
        }
        Ok(GraphStatus::of(name, graph.as_ref(), &members))
    }

    /// The description of a graph that was brought up.
    ///
    /// # Errors
    /// There is none of this name, or what is remembered cannot be read.
    pub fn graph(&self, name: &str) -> Result<Graph, WorkloadError> {
        let memory = self.memory(name)?.ok_or_else(|| WorkloadError::NoGraph(name.to_owned()))?;
        read(name, &memory)
    }

    /// The sandbox of a node, for whoever reads its output or has a program join it.
    ///
    /// # Errors
    /// There is none.
    pub fn sandbox(&self, graph: &str, node: &str) -> Result<SandboxId, WorkloadError> {
        let of_node = |member: &perry_sandbox_engine::Membership| {
            member.role == Role::Replica && member.service == node && member.origin == origin(graph)
        };
        let members = self.site.members(graph)?;
        let found = members.into_iter().filter(|(member, _)| of_node(member)).map(|(_, info)| info);
        let newest = found
            .max_by_key(|info| (info.status == perry_sandbox_runner::SandboxStatus::Running, info.created));
        let not_there = || WorkloadError::NoNode { graph: graph.to_owned(), node: node.to_owned() };
        newest.map(|info| info.id).ok_or_else(not_there)
    }

    fn memory(&self, name: &str) -> Result<Option<Memory>, WorkloadError> {
        let remembered = self.site.projects().remembered(name)?;
        let ours = remembered.filter(|one| one.origin == origin(name)).and_then(|one| one.description);
        // What another version has written down is not guessed at: the graph is brought up again from its description.
        Ok(ours.and_then(|value| serde_json::from_value(value).ok()))
    }
}

fn read(name: &str, memory: &Memory) -> Result<Graph, WorkloadError> {
    memory.graph().map_err(|source| WorkloadError::Remembered { graph: name.to_owned(), source })
}
