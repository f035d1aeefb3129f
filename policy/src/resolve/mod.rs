//! Resolution: names looked up, tiers flattened, trust files read, files composed by meet.

mod compose;
mod file;
mod parts;
mod profiles;
mod references;
mod tiers;

pub(crate) use compose::compose;
pub(crate) use file::resolve_file;
pub(crate) use parts::{Parts, SignerEntry, SignerKind, Tier};
pub(crate) use references::Missing;
pub(crate) use tiers::{BUILTIN_SOURCE, BUILTIN_TIERS, builtin_tiers};
