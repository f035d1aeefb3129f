//! Everything about policies that is tested from outside.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]
#![expect(
    clippy::format_push_string,
    clippy::struct_excessive_bools,
    clippy::wildcard_enum_match_arm,
    reason = "a model is written to be read"
)]

mod support;

mod beside;
mod claims;
mod composition;
mod decisions;
mod documents;
mod expressions;
mod grants;
mod model;
mod profiles;
mod properties;
mod quorum;
mod signatures;
mod system;
