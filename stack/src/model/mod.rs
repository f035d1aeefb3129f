//! A project as types: what the canonical tree says, each part with its place.

mod at;
mod container;
mod health;
mod limits;
mod mount;
mod network;
mod port;
mod read;
mod relation;
mod resources;
mod restart;
mod service;
mod stack;

pub use at::At;
pub use container::Container;
pub use health::{HealthCheck, HealthTest};
pub use limits::ServiceLimits;
pub use mount::{FileMount, Mount, MountKind};
pub use network::Joined;
pub use port::{Port, PortProtocol};
pub use relation::{Condition, Dependency};
pub use resources::{Ipam, Network, ValueSource, Volume};
pub use restart::Restart;
pub use service::Service;
pub use stack::Stack;

pub(crate) use health::milliseconds;
pub(crate) use read::{Reader, integer, is_true, text};
pub(crate) use resources::secret_sources;
