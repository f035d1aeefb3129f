//! The embedded launcher: namespaces, mounts, limits and filters over the host's own kernel, as root or not.

mod cgroup;
mod facts;
mod ground;
mod ids;
mod launcher;
mod live;
mod memory;
mod plan;
mod prepared;
mod process;
mod pump;
mod report;
mod run;
mod settings;
mod signals;
mod spec;
mod start;
mod steps;
mod supervise;
mod sys;
mod text;

#[cfg(test)]
mod tests;

pub use facts::probe;
pub use ground::RootError;
pub use launcher::{Launcher, launcher_main};
pub use plan::PlanError;
pub use prepared::DryRun;
pub(crate) use prepared::Prepared;
pub use run::{RunError, SetupError};
pub use spec::SpecError;
pub use start::StartError;
pub use text::TextError;
