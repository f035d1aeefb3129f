//! What would be done with a project, and what is refused: `plan`, `graph`, `explain`, `lock`.

mod args;
mod explain;
mod graph;
mod lock;
mod plan;
mod question;
mod report;

pub(crate) use args::{DeskArgs, ExplainArgs, GraphArgs, LockArgs, PlanArgs};
pub(crate) use explain::explain;
pub(crate) use graph::graph;
pub(crate) use lock::lock;
pub(crate) use plan::plan;
pub(crate) use question::{Question, exit_of, lock_of};
pub(crate) use report::verdicts;
