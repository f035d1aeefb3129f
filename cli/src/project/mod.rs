//! What `doctor PROJECT` finds in a Perry project: imports that compile and do nothing, settings that change nothing
//! here, and what a `package.json` lacks.

mod advice;
mod examine;
mod finding;
mod imports;
mod package;
mod render;
mod tokens;
mod variables;
mod walk;

pub(crate) use examine::examine;
pub(crate) use render::{json, text};
