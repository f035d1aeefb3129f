//! What patterns have in common: why text is not one, and how one is written.

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
