//! What is wrong with a project's files: reasons, places, and how they are shown.

mod problem;
mod problems;
mod reason;
mod render;
mod report;
mod sources;

pub use problem::{Note, Problem};
pub use problems::Problems;
pub use reason::Reason;
pub use report::{Report, Warning};
pub use sources::Sources;

pub(crate) use problem::shown;
