//! Findings that somebody has answered for: comments, `audit.toml`, and a baseline.

mod baseline;
mod comment;
mod entry;
mod settings;
mod suppress;

pub use baseline::{Baseline, BaselineError};
pub use settings::{Settings, SettingsError};

pub(crate) use suppress::suppress;

/// What is ignored, beside comments.
#[derive(Debug, Clone, Default)]
pub struct Ignores {
    /// `audit.toml`.
    pub settings: Option<Settings>,
    /// The baseline.
    pub baseline: Option<Baseline>,
}
