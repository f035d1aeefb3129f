//! What the schema cannot say.

mod attributes;
mod cycle;
mod project;
mod references;

pub(crate) use attributes::check_attributes;
pub(crate) use project::{agree_on_replicas, check_project};
