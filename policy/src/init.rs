//! The policy that `policy init` writes.

const STARTING_POLICY: &str = include_str!("../builtin/init.toml");

/// A commented policy to start from. It loads as it is, and allows one capability of an image that its author has to
/// fill in.
pub const fn init() -> &'static str {
    STARTING_POLICY
}
