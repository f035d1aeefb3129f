//! What a stack, an invocation or a Pod asks an engine to run, as one form with places: rules look at nothing else.

mod argv;
mod compose;
mod limit;
mod mount;
mod namespace;
mod node;
mod pod;
mod security;
mod types;

pub use mount::{HostFile, Mount, MountKind};
pub use namespace::{NamespaceMode, Namespaces};
pub use security::{SeccompChoice, SecurityOpt};
pub use types::{Build, Device, Engine, Hook, Launch, LaunchLimits, Origin, Port, Stack, Variable};

pub(crate) use argv::{Words, read_argv};
pub(crate) use compose::read_compose;
pub(crate) use node::{Reader, items, text};
pub(crate) use pod::{is_workload, read_pods};
