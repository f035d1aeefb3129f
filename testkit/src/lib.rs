//! What the tests share: loopback registry, layouts, checker, scrubbed commands.

mod command;
pub mod layout;
pub mod registry;
mod skip;
pub mod tarball;

pub use command::{As, Home, Ran, crate_root, is_root, peer};
pub use skip::skip;
