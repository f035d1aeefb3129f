//! What every step of the loader works on: a tree that remembers where each of its parts stands.

mod mapping;
mod path;
mod print;
mod span;
mod tree;

pub use mapping::{Key, Mapping};
pub use span::{FileId, Mark, Span};
pub use tree::{Directive, Node, Value};

pub(crate) use path::Path;
