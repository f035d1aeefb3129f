//! End-to-end suites over all crates.
