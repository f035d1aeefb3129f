//! Everything about policies that is tested from outside.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

mod decisions;
mod documents;
mod model;
mod properties;
