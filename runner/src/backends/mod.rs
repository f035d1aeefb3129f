//! Backends beside the embedded one: programs of the host that run a sandbox for us.
//!
//! A plan becomes a [`Script`](script::Script), by a pure function of each backend; one piece of code carries scripts out.

mod apple;
mod attach;
mod brought;
mod build;
mod caught;
mod client;
mod docker;
mod embedded;
mod end;
mod fuzzing;
mod guard;
mod host;
mod http;
mod images;
mod install;
mod joined;
mod limits;
mod machines;
mod nerdctl;
mod order;
mod own;
mod place;
mod podman;
mod prepared;
mod program;
mod project;
mod reply;
mod run;
mod runsc;
mod script;
mod stage;
pub mod stock;
mod survey;
mod table;
#[cfg(test)]
mod tests;
mod tool;

pub(crate) use attach::attend;
pub use build::{BuildCache, BuildError, BuildOrder, BuildPull, Builder, BuilderKind, Building};
pub use fuzzing::engine;
pub(crate) use guard::guard;
pub use host::HostTools;
pub use install::InstallCommand;
pub(crate) use joined::can_be_joined;
pub use order::{ContainerMode, ContainerModeError};
pub use place::LATENESS;
pub use prepared::Engines;
pub(crate) use prepared::{Prepared, Work};
pub(crate) use run::Around;
pub use survey::{AbsentBackend, Backends};
pub use table::mounts_single_files;
pub use tool::ToolError;
pub(crate) use tool::one_line;
