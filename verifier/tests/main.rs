//! The verifier against real signatures, the public conformance suite, and the ways in which others were fooled.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, and is documented by its name"
)]

mod conformance;
mod kit;
mod signed;
