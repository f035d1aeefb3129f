//! The standard's own JSON schema, and the check of a tree against it.
//!
//! `compose-spec.json` is the Compose specification's schema as docker compose 2.40.3 has it in it
//! (<https://github.com/compose-spec/compose-go>, version 2.9.1, Apache-2.0), byte for byte. The check knows the keywords
//! that this schema uses, and a test fails when it learns another.

mod check;
mod pattern;
mod rule;

pub(crate) use check::check;
