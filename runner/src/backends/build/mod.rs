//! Images that an engine of the host builds: what a builder is told, as data, and one piece of code that carries it out.
//!
//! Nothing here decides whether something may be built, and what comes out is no image that may run: it is an archive,
//! which its reader checks as any other.

mod builder;
mod carry;
mod error;
mod order;
mod steps;
mod words;

pub use builder::{Builder, BuilderKind};
pub use error::BuildError;
pub use order::{BuildCache, BuildOrder, BuildPull, Building};
