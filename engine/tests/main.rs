//! The engine on a world that is made up: what is done, in which order, and that a failure at any step leaves what there was.
#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking")]

mod failures;
mod fake;
mod partly;
mod steps;
