//! The steps from a request to a project, in the order of the standard's reader.

mod document;
mod loader;
mod model;
mod project;

pub use project::{Loaded, load};

pub(crate) use document::{Steps, nothing};
pub(crate) use loader::{Loader, Scope, Stopped, weight};
