//! Names that a policy gives to things: newtypes, so that a tier can never be passed where a signer is meant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why some text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a name: expected 1 to 64 of a-z, 0-9, `.`, `_`, `-`, starting with a letter or digit")]
pub struct NameError(String);

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

macro_rules! names {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) { Ok(Self(text.to_owned())) } else { Err(NameError(text.chars().take(80).collect())) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

names! {
    /// A tier: a named ceiling, how far the code is trusted.
    TierName;
    /// A capability: a named program that the policy lets callers run.
    CapabilityName;
    /// A signer: a policy entry that stands for an identity pattern or a key.
    SignerName;
    /// An image rule of the policy.
    ImageRuleName;
    /// A trust root of the policy.
    TrustRootName;
    /// A secret that the policy may grant; never its value.
    SecretName;
    /// A policy's own name, or the id of an exception.
    PolicyName;
    /// A backend, e.g. `native` or `podman`.
    BackendName;
}
