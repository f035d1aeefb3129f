//! The crate's tests from outside.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod syscall_table;
