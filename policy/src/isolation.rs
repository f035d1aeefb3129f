//! Isolation levels: which wall stands between the program and the host's kernel.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A kind of wall. Levels are not ordered: a policy accepts a set and prefers a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IsolationLevel {
    /// Namespaces and filters over the host's own kernel.
    Oci,
    /// gVisor's kernel in user space.
    Gvisor,
    /// A virtual machine with a kernel of its own.
    Microvm,
    /// A WebAssembly store; no kernel interface at all.
    Wasm,
}

/// Some text names no isolation level.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an isolation level: expected oci, gvisor, microvm or wasm")]
pub struct IsolationLevelError(String);

impl IsolationLevel {
    /// All levels, the weakest wall first.
    pub const ALL: [Self; 4] = [Self::Oci, Self::Gvisor, Self::Microvm, Self::Wasm];

    /// The name in policies and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::Gvisor => "gvisor",
            Self::Microvm => "microvm",
            Self::Wasm => "wasm",
        }
    }
}

impl FromStr for IsolationLevel {
    type Err = IsolationLevelError;

    fn from_str(text: &str) -> Result<Self, IsolationLevelError> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or_else(|| IsolationLevelError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for IsolationLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
