//! Which files a project is made of, and how they are read.

mod access;
mod discovery;
mod environment;
mod project_name;
mod request;
mod resolve;

pub use access::{FileError, Files, Kind};
pub use discovery::{main_beside, merged_with};
pub use request::{Options, Request};

pub(crate) use access::read_text;
pub(crate) use discovery::{Project, find, is_remote};
pub(crate) use environment::merge_env_files;
pub(crate) use project_name::{Given, name_before_loading, normalized};
pub(crate) use resolve::{absolute, clean, join, parent, relative_to};

/// Variables by name.
pub type Environment = std::collections::BTreeMap<String, String>;
