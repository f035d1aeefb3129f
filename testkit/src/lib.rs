//! What the tests share: loopback registry, layouts, a Sigstore of one's own, checker, scrubbed commands.

pub mod bait;
pub mod bench;
mod command;
pub mod corpus;
pub mod example;
mod http;
mod inside;
pub mod layout;
pub mod made;
mod ordinary;
pub mod outside;
pub mod registry;
pub mod sigstore;
mod skip;
pub mod tarball;
pub mod wit;

pub use command::{As, Home, Ran, compose_program, copy_program, crate_root, is_root, peer, write_program};
pub use inside::{Verdicts, checker};
pub use ordinary::{again_as_ordinary, again_as_ordinary_from, as_root};
pub use skip::skip;
