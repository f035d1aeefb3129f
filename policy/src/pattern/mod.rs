//! Patterns, kept poor on purpose so that inclusion is decidable, and sets of them.

mod egress;
mod env;
mod exact;
mod path;
mod set;

pub use egress::{EgressPattern, HostPattern, PortPattern};
pub(crate) use env::is_variable;
pub use env::{EnvPattern, is_loader_variable};
pub use exact::{DevicePath, NetworkName, PublishAddress, VolumeName};
pub use path::HostPath;
pub(crate) use path::{is_at_or_below, is_normal};
pub(crate) use set::first;
pub use set::{Pattern, PatternSet};

use thiserror::Error;

/// Why some text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{written}` is not {expected}")]
pub struct PatternError {
    written: String,
    expected: &'static str,
}

impl PatternError {
    pub(crate) fn new(written: &str, expected: &'static str) -> Self {
        Self { written: crate::refusal::shown(written), expected }
    }
}

/// Serialises a value by its text.
pub(crate) fn as_text<T: std::fmt::Display, S: serde::Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Serialisation as text, for a type with `Display`.
macro_rules! serialize_as_text {
    ($($name:ty),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )+};
}
pub(crate) use serialize_as_text;
