//! Short forms made long, so that each thing has one form behind this step.

mod defaults;
mod forms;
mod port;
mod resource;
mod volume;

pub(crate) use defaults::set_defaults;
pub(crate) use forms::{canonical, omit_empty};
pub(crate) use port::is_address;
pub(crate) use volume::{target as volume_target, volume_fault};
