//! Every operation through the envelope, with real sandboxes of the signed example image.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod bad_input;
mod builds;
mod c_program;
mod cancel;
mod described;
mod graphs;
mod operations;
mod sandboxes;
mod streams;
mod support;
mod traffic;
