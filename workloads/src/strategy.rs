//! In which way a graph is brought up, and what becomes of it when a node fails.

use std::num::NonZeroUsize;

use perry_sandbox_engine::{OnFailure as EngineOnFailure, Options};
use serde::{Deserialize, Serialize};

/// In which way nodes are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// One at a time, in order.
    Sequential,
    /// As soon as what each needs is so far, at most so many at once.
    MaxParallel(NonZeroUsize),
    /// As soon as what each needs is so far.
    #[default]
    DependencyAware,
    /// As `DependencyAware`, and those that share a volume that one of them writes, or a port of the host, one after another.
    ParallelSafe,
}

/// What becomes of a graph when a node fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// All that the run has made is undone.
    #[default]
    RollbackAll,
    /// What is up stays; nodes that need the failed are not tried, the others are.
    PartialContinue,
    /// What is up stays; nothing more is started.
    HaltGraph,
}

impl Strategy {
    /// How the engine takes steps.
    pub(crate) fn options(self, failure: OnFailure) -> Options {
        let default = Options::default();
        let parallel = match self {
            Self::Sequential => 1,
            Self::MaxParallel(most) => most.get(),
            Self::DependencyAware | Self::ParallelSafe => default.parallel,
        };
        let failure = match failure {
            OnFailure::RollbackAll => EngineOnFailure::UndoAll,
            OnFailure::PartialContinue => EngineOnFailure::GoOn,
            OnFailure::HaltGraph => EngineOnFailure::Halt,
        };
        Options { parallel, failure, ..default }
    }
}
