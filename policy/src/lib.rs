//! The policy file: reader, tiers, ceilings, meet, decide, explain.
#![forbid(unsafe_code)]

mod at;
mod canonical;
mod ceiling;
mod control;
mod decide;
mod denial;
mod diff;
mod entries;
mod evidence;
mod explain;
mod format;
mod grants;
mod init;
mod isolation;
mod key;
mod limits;
mod names;
mod pattern;
mod plan;
mod policy;
mod quantity;
mod read;
mod refusal;
mod render;
mod request;
mod require;
mod requirement;
mod resolve;
mod schema;
mod seccomp;
mod source;

pub use at::At;
pub use ceiling::{Ceiling, Isolation, UserRule};
pub use control::{BackendFacts, Control, ControlTable, Enforcement, HostFacts};
pub use decide::{UsedException, Verdict, decide};
pub use denial::{Denial, DenyCode, DenyKind, DenyReason, NonEmpty};
pub use diff::{Change, Diff, Effect, diff};
pub use entries::{
    AdHoc, ArgLimits, Audit, AuditField, AuditLog, Capability, Exception, ImageRule, Provenance, Service,
    ServicePattern, Tiers,
};
pub use evidence::{
    Evidence, LogEntry, SignatureFormat, TimeSource, VerifiedIdentity, VerifiedSignature, VerifiedTime,
};
pub use explain::{Explanation, explain};
pub use format::format;
pub use grants::{Grants, ProjectGrants};
pub use init::init;
pub use isolation::{IsolationLevel, IsolationLevelError};
pub use limits::{EntryLimits, LimitCeiling};
pub use names::{
    BackendName, CapabilityName, ImageRuleName, NameError, PolicyName, SecretName, SignerName, TierName,
    TrustRootName,
};
pub use pattern::{
    DevicePath, EgressPattern, EnvPattern, HostPath, HostPattern, NetworkName, Pattern, PatternError,
    PatternSet, PortPattern, PublishAddress, VolumeName, is_loader_variable,
};
pub use plan::{
    LaunchPlan, MemoryEnforcement, Mount, MountAccess, Network, PlanDigest, PlanLine, Process, RootfsMode,
    Terminal, User,
};
pub use policy::{CommandLineSigner, Policy, PolicyDigest, load};
pub use quantity::{ByteSize, Limits, MilliCpu, QuantityError, WallTime};
pub use refusal::{LoadError, Refusal, RefusalCode};
pub use request::{ImageDefaults, Request, Target, WantedGrants, WantedLimits};
pub use require::{ImageSubject, Required, decide_requirement};
pub use requirement::{
    IssuerPattern, LogRule, ProvenanceRule, RepositoryRule, Requirement, Signer, SignerIdentity,
    SubjectPattern, TrustRoot, TrustRootSource,
};
pub use schema::schema;
pub use seccomp::SharedProfile;
pub use source::{FileError, Format, NoFiles, Place, PolicyFiles, PolicySource, SourceName, Span};
