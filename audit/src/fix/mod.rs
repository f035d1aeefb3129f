//! Changes that end findings: how they are made, checked and shown.

mod apply;
mod diff;
mod edit;
mod tree;

pub use apply::{Allowed, Applied, Changed, apply};

pub(crate) use edit::{add_item, add_key, add_words, remove_item, remove_words};
