//! What the tests share: loopback registry, layouts, checker, scrubbed commands.

pub mod layout;
pub mod registry;
pub mod tarball;
