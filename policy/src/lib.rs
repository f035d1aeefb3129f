//! Decides what may run, before anything runs: the policy file, its meaning, and its verdicts.
//!
//! Data goes one way. [`load`] reads policy files into a [`Policy`] or refuses them, with every mistake at its place.
//! [`decide_requirement`] says what must be proved about an image. When the verifier has proved it, [`decide`] gives a
//! [`Verdict`]: a [`LaunchPlan`] of which every line has an enforcer, or every reason why not. [`explain`] says why.
//!
//! Nothing here touches files, the network, the clock, or the environment: trust files come through [`PolicyFiles`],
//! the time is an argument. It decides nothing about signatures themselves (that is the verifier's) and starts
//! nothing (that is the runner's).
//!
//! ```
//! use perry_sandbox_policy::{NoFiles, PolicySource, init, load};
//!
//! let policy = load(&[PolicySource::new("policy.toml", init())], &NoFiles)?;
//! assert_eq!(policy.capabilities().count(), 1);
//!
//! let error = load(&[PolicySource::new("policy.toml", "schema = \"perry-sandbox/policy/v1\"\ncapabilty = 1")], &NoFiles)
//!     .expect_err("unknown keys are refused");
//! assert!(error.to_string().contains("did you mean `capability`?"));
//! # Ok::<(), perry_sandbox_policy::LoadError>(())
//! ```
//!
//! # What holds
//!
//! - The verdict depends on the arguments alone; the same arguments give the same bytes.
//! - Tightening a tier, a limit, a quorum, or a host never turns a denial into an approval.
//! - A plan is inside the tier's ceiling and inside the request.
//! - The order of files, tables, and list items changes nothing.
//!
//! # What the format leaves open, and what is decided here
//!
//! - *Isolation*: every level in `accept` may be used; `prefer` orders, and the others follow, the strongest first. A
//!   tier that accepts a level weaker than all that it prefers is refused, so no weaker wall is a surprise.
//! - *Built-in tiers*: a file that defines `default`, `isolated`, `hardened`, or `untrusted` replaces that tier whole.
//!   `extends` names tiers of the same file, or built-in ones that it does not define.
//! - *Composition*: a file that lists no entry of a name allows nothing by that name, unless it says `open` for that
//!   kind; then it says nothing about it. A service without an entry has the baseline.
//! - *Memory*: `memory-enforcement` is inherited; without it `hardened` and `untrusted` demand `exact`, `default` and
//!   `isolated` accept `watched`, and any other tier that extends nothing demands `exact`.
//! - *Exceptions* hold through their last day, in UTC; levels that only an exception accepts are tried last.
//! - *Variables*: a pattern such as `ACME_*` never grants a variable that steers loaders or interpreters
//!   ([`is_loader_variable`]); its exact name does. Those of the image are left out.
//! - *A signer on the command line* beside a policy narrows the image rule to signers that are in both.
#![forbid(unsafe_code)]

mod at;
mod build;
mod canonical;
mod ceiling;
mod control;
mod decide;
mod denial;
mod deny_list;
mod diff;
mod entries;
mod evidence;
mod explain;
mod exposure;
mod expression;
mod file;
mod format;
mod grants;
mod identity;
mod init;
mod isolation;
mod key;
mod limits;
mod memory;
mod names;
mod pattern;
mod plan;
mod policy;
mod predicate;
mod project;
mod quantity;
mod quorum;
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
mod sysctl;
mod system;
mod trust_folder;
mod window;

pub use at::At;
pub use build::{AllowedBuild, BuildGrant, BuildNetwork, WantedBuild, decide_build};
pub use ceiling::{Ceiling, Isolation, UserRule};
pub use control::{BackendFacts, Control, ControlTable, Emulation, Enforcement, HostFacts};
pub use decide::{UsedException, Verdict, accepted_levels, decide};
pub use denial::{Denial, DenyCode, DenyKind, DenyReason, NonEmpty};
pub use deny_list::{Denied, DenyEntry, DenyFacts, DenyList, serial_text};
pub use diff::{Change, Diff, Effect, diff};
pub use entries::{
    AdHoc, ArgLimits, Audit, AuditField, AuditLog, Capability, Exception, ImageRule, Provenance, Service,
    ServicePattern, SignedAs, Tiers,
};
pub use evidence::{
    Authority, BuildFacts, Claim, Evidence, LogEntry, SignatureFormat, TimeSource, Trial, TrialOutcome,
    TrialReason, VerifiedIdentity, VerifiedSignature, VerifiedTime,
};
pub use explain::{Explanation, explain};
pub use exposure::Exposure;
pub use expression::{Expression, ExpressionError};
pub use file::{
    ConfigContent, ConfigName, FileMode, FilePath, FileSource, GivenFile, WantedFile, given_files,
};
pub use format::format;
pub use grants::{Grants, ProjectGrants};
pub use identity::{IssuerPattern, SubjectPattern};
pub use init::init;
pub use isolation::{IsolationLevel, IsolationLevelError};
pub use limits::{EntryLimits, LimitCeiling};
pub use memory::{MemoryFolder, MemoryPath, WantedMemory};
pub use names::{
    BackendName, CapabilityName, ImageRuleName, NameError, PolicyName, SecretName, SignerName, TierName,
    TrustRootName,
};
pub use pattern::{
    DevicePath, EgressPattern, EnvPattern, HostPath, HostPattern, NetworkName, Pattern, PatternError,
    PatternSet, PortPattern, PublishAddress, PublishOn, VolumeName, is_loader_variable,
};
pub use plan::{
    EGRESS_PROXY_PORT, LaunchPlan, MemoryEnforcement, Mount, MountAccess, Network, PlanDigest, PlanLine,
    Process, RootfsMode, Terminal, User,
};
pub use policy::{CommandLineSigner, Policy, PolicyDigest, load};
pub use predicate::{Condition, PredicateRule, SLSA_PREDICATES};
pub use project::{
    Attachment, HostName, InsidePath, Protocol, Publication, ServiceLink, ServiceName, VolumeAccess,
    VolumeMount, WantedProject,
};
pub use quantity::{ByteSize, Limits, MilliCpu, QuantityError, WallTime};
pub use quorum::Quorum;
pub use refusal::{LoadError, Refusal, RefusalCode};
pub use request::{ImageDefaults, Request, Target, WantedGrants, WantedLimits, WantedMount};
pub use require::{ImageSubject, Required, decide_requirement};
pub use requirement::{
    LogRule, ProvenanceRule, RepositoryRule, Requirement, Signer, SignerIdentity, TrustRoot, TrustRootSource,
};
pub use schema::schema;
pub use seccomp::SharedProfile;
pub use source::{FileError, Format, NoFiles, Place, PolicyFiles, PolicySource, SourceName, Span};
pub use sysctl::{Sysctl, SysctlError};
pub use system::{FirstProcess, GroupId, KnownHost, NumberError, OomScore, System, UtsName};
pub use trust_folder::{MAX_DOCUMENTS, TrustDocument, TrustFolderError, check_document_name};
pub use window::{Moment, MomentError, OutsideWindow, SigningWindow};
