//! The trail: a hash-chained record of decisions and runs. Whoever removes or changes a line breaks the chain.

mod chain;
mod entry;
mod verify;

pub use chain::{Trail, TrailError};
pub use entry::{Decision, EgressCount, Event, Mark, RunAgain, RunEnd, RunStart, Signature};
pub use verify::{Break, BreakKind, Verified};
