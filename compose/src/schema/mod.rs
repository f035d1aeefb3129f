//! The standard's own JSON schema, and the check of a tree against it.

mod check;

pub(crate) use check::check;
