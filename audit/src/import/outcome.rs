//! What comes of an import.

use thiserror::Error;

use crate::place::{Place, Texts};

/// A policy that was written, and what of the original is not in it.
#[derive(Debug)]
pub struct Imported {
    /// The policy, in TOML.
    pub policy: String,
    /// Keys that stood in the original, for files beside the policy.
    pub keys: Vec<KeyFile>,
    /// What is not the same.
    pub losses: Vec<ImportLoss>,
    /// The original, for places.
    pub texts: Texts,
}

/// Each rule is held against each other one.
pub(super) const MOST_RULES: usize = 1000;

/// A file beside the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub pem: String,
}

/// How a part of the original fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LossKind {
    /// It cannot be said: what it was for is denied.
    LeftOut,
    /// It is said otherwise, as told.
    Changed,
}

/// A part of the original that is not in the policy as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportLoss {
    /// How it fares.
    pub kind: LossKind,
    /// Where it stands in the original.
    pub place: Place,
    /// What is lost.
    pub message: String,
}

impl Imported {
    /// What is left out.
    pub fn left_out(&self) -> impl Iterator<Item = &ImportLoss> {
        self.losses.iter().filter(|loss| loss.kind == LossKind::LeftOut)
    }
}

/// Why nothing could be imported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is another kind of file.
    #[error(
        "it is no `policy.json` of containers/image and no `ClusterImagePolicy`: only these two are imported"
    )]
    NoTrustPolicy,
    /// A part cannot be read, so nothing is known of the whole.
    #[error("it cannot be read whole:\n{}", .0.join("\n"))]
    Unreadable(Vec<String>),
    /// More rules than are compared with each other.
    #[error("it has {0} rules, and at most {MOST_RULES} are imported: split it")]
    TooMany(usize),
    /// What was written is refused by our own reader.
    #[error("what would be written is no policy:\n{0}")]
    NotOurs(String),
}
