//! What would be done, as steps: for a world in which nothing of the project is there.

mod build;
mod step;
mod text;

pub use build::{StackPlan, plan};
pub use step::{Action, After, Start, Step, Until};
