//! The builtin profiles as tables, one a file.

pub(super) mod default;
pub(super) mod minimal;
