//! What a detached sandbox has written: chunks with time and stream, in numbered files of bounded size.
//!
//! A new file is begun when one is full, and the oldest goes when there are too many: nothing is renamed, so whoever
//! follows only has to look for the next number.

mod bounds;
mod frame;
mod read;
mod write;

pub use bounds::{LogBounds, LogBoundsError};
pub use frame::{LogChunk, LogStream};
pub use read::{LogEnd, Logs};
pub(super) use write::LogWriter;
