//! A project: the model with profiles applied, checked, and its variables known.

mod build;
mod parts;
mod selection;
mod variables;

pub use build::Project;

pub(crate) use build::sorted;
pub(crate) use selection::dependencies;
