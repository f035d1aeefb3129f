//! Which digest each image's name stood for, and who had signed it.

mod file;

pub use file::{Lock, LockError, Locked};

pub(crate) use file::pinned;
