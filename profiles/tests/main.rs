//! The crate's tests from outside.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod attacks;
mod compiler;
mod oci;
mod order;
mod random_profiles;
mod reader;
mod syscall_table;
mod written;
