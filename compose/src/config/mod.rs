//! The canonical form of a project, as docker compose prints it.

mod escape;
mod json;
mod order;
mod scalar;
mod yaml;

pub use json::NoJsonForm;
pub(crate) use json::{compact as compact_json, project as to_json, raw as raw_json};
pub use yaml::scalar as yaml_scalar;
pub(crate) use yaml::{project as to_yaml, raw as raw_yaml};
