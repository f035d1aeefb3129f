//! The loader's tests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![expect(clippy::format_push_string, clippy::format_collect, reason = "a test is written to be read")]

mod answers;
mod bounds;
mod checks;
mod config;
mod dotenv;
mod problems;
mod support;
mod template;
mod yaml;
