//! The policy file: reader, tiers, ceilings, meet, decide, explain.
#![forbid(unsafe_code)]

mod control;
mod evidence;
mod isolation;
mod names;
mod quantity;
mod requirement;

pub use control::{BackendFacts, Control, ControlTable, Enforcement, HostFacts};
pub use evidence::{
    Evidence, LogEntry, SignatureFormat, TimeSource, VerifiedIdentity, VerifiedSignature, VerifiedTime,
};
pub use isolation::{IsolationLevel, IsolationLevelError};
pub use names::{
    BackendName, CapabilityName, ImageRuleName, NameError, SecretName, SignerName, TierName, TrustRootName,
};
pub use quantity::{ByteSize, Limits, MilliCpu, QuantityError, WallTime};
pub use requirement::{
    IssuerPattern, LogRule, ProvenanceRule, RepositoryRule, Requirement, Signer, SignerIdentity,
    SubjectPattern, TrustRoot, TrustRootSource,
};
