//! Text in the form that the kernel wants, made before there is a child.

use std::ffi::{CStr, CString};
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A string with no NUL byte inside and one at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Text(CString);

/// A text with a NUL byte cannot be handed to the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` contains a NUL byte: the kernel would cut it short there")]
pub struct TextError(String);

impl Text {
    /// The text as the kernel reads it.
    pub(crate) fn as_c(&self) -> &CStr {
        &self.0
    }
}

impl TryFrom<String> for Text {
    type Error = TextError;

    fn try_from(text: String) -> Result<Self, TextError> {
        CString::new(text).map(Self).map_err(|error| {
            let text = String::from_utf8_lossy(&error.into_vec()).chars().take(80).collect::<String>();
            TextError(text.replace('\0', "\\0"))
        })
    }
}

impl TryFrom<&str> for Text {
    type Error = TextError;

    fn try_from(text: &str) -> Result<Self, TextError> {
        Self::try_from(text.to_owned())
    }
}

impl From<&CStr> for Text {
    fn from(text: &CStr) -> Self {
        Self(text.to_owned())
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.to_string()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_string_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_byte_is_refused_and_shown() {
        let error = Text::try_from("a\0b").unwrap_err();
        assert!(error.to_string().starts_with("`a\\0b` contains a NUL byte"));
    }
}
