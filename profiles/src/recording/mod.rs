//! What a program asked the kernel for while it was watched, and the profile that follows from it.
//!
//! Pure: who watches is the runner. One [`Run`] notes attempts; a [`Recording`] puts runs together, counts in how many
//! each call was seen, and becomes a [`SeccompProfile`](crate::SeccompProfile) that is never wider than the one in force.

mod classes;
mod draft;
mod exercise;
mod runs;
mod watch;

pub use draft::{Draft, Outside};
pub use runs::{MergeError, Recording, Sight};
pub use watch::Run;
