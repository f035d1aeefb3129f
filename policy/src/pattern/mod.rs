//! Patterns, kept poor on purpose so that inclusion is decidable, and sets of them.

mod egress;
mod env;
mod error;
mod exact;
mod path;
mod publish;
mod set;

pub use egress::{EgressPattern, HostPattern, PortPattern};
pub(crate) use env::is_variable;
pub use env::{EnvPattern, is_loader_variable};
pub use error::PatternError;
pub(crate) use error::{as_text, serialize_as_text};
pub(crate) use exact::name_of_project;
pub use exact::{DevicePath, NetworkName, VolumeName};
pub use path::HostPath;
pub(crate) use path::{is_at_or_below, is_normal};
pub use publish::{PublishAddress, PublishOn};
pub(crate) use set::first;
pub use set::{Pattern, PatternSet};
