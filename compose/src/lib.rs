//! Compose files: a loader whose `config` says exactly what docker compose's says, and the model that it loads.
//!
//! The data's way, one direction: text → [`Node`]s with spans → interpolation → extends → short forms made long → merge →
//! include → schema → defaults and consistency → `config`. Nothing here reads a file or the environment by itself: the
//! caller gives both. Nothing here hardens anything either: that is the planner's, and shown by `plan`.
#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a step asks for one kind of value; every other one is wrong there, or none of its business"
)]

mod canonical;
mod config;
mod consistency;
mod dotenv;
mod error;
mod extends;
mod files;
mod include;
mod load;
mod merge;
mod model;
mod node;
mod normalize;
mod paths;
mod project;
mod schema;
mod template;
mod yaml;

pub use config::{NoJsonForm, yaml_scalar};
pub use dotenv::{EnvFileError, EnvFileFault, parse as parse_env_file, parse_raw as parse_raw_env_file};
pub use error::{Note, Problem, Problems, Reason, Report, Sources, Warning, shown};
pub use files::{Environment, FileError, Files, Kind, Options, Request, main_beside, merged_with};
pub use load::{Loaded, load};
pub use model::{extensions, parse_duration};
pub use node::{Directive, FileId, Key, Mapping, Mark, Node, Span, Value};
pub use project::Project;
pub use template::{Variable, variables};
pub use yaml::{Budget, parse as parse_yaml};
