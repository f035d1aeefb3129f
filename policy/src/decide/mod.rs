//! The second desk: one pure function from what is known to a verdict.

mod backend;
mod ceiling;
mod cover;
mod evidence;
mod files;
mod grants;
mod memory;
mod mounts;
mod process;
mod project;
mod system;
mod verdict;
mod wanted;

pub(crate) use backend::row_of;
pub(crate) use ceiling::ceiling_of;
pub(crate) use verdict::{Examined, examine};
pub use verdict::{UsedException, Verdict, accepted_levels, decide};
