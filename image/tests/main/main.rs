//! Integration tests of the image crate, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, says why it was skipped, and talks to its own copies"
)]

mod archives;
mod bench;
mod corpora;
mod hostile_layers;
mod layouts;
mod ordinary_user;
mod peers;
mod properties;
mod registry;
mod store;
mod unpacked_layers;
