//! The planner's tests.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod demand;
mod files;
mod model;
mod networks;
mod order;
mod plan;
mod suggest;
mod support;
mod system;
