//! What is wrong with a project's files: reasons, places, and how they are shown.

mod problem;
mod problems;
mod reason;
mod render;
mod report;
mod sources;

pub(crate) use problem::cycle;
pub use problem::{Note, Problem, shown};
pub use problems::Problems;
pub use reason::Reason;
pub use report::{Report, Warning};
pub use sources::Sources;
