//! The auditor, as a caller sees it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "in tests a surprise must stop the test"
)]

mod corpus;
mod exposure;
mod fixes;
mod fixtures;
mod ignores;
mod import;
mod report;
mod rules;
mod support;
