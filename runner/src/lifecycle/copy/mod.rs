//! Files into a running sandbox and out of it, without a program inside.
//!
//! The sandbox is looked at through the root folder of its first process, by descriptor: its links lead to what they lead to
//! inside, and to nothing of the host. What is written on either side is made by single names below a folder that is held
//! open, follows no link, and takes the place of what was there in one step. So a sandbox that changes its files meanwhile
//! spoils its own copy and nothing else.

mod error;
mod files;
mod tree;

pub use error::CopyError;
pub use files::{CopyBounds, SandboxFiles};
