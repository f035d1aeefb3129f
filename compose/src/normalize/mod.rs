//! What the standard leaves implicit, said.

mod environment;
mod implicit;

pub(crate) use environment::resolve_environment;
pub(crate) use implicit::normalize;
