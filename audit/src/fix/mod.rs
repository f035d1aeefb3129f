//! Changes that end findings: how they are made, checked and shown.

mod edit;

pub(crate) use edit::{add_item, add_key, add_words, remove_item, remove_words};
