//! Finds what is dangerous in Compose stacks, container invocations, Pods, policies, trust policies and seccomp profiles.
//! Nothing is run, and nothing is read that the caller does not give: files come through [`Host`].
//!
//! The data's way, one direction: [`Input`] → what it is, by its content ([`Kind`]) → a [`Subject`] with places: launch
//! plans for stacks, invocations and Pods, or a policy, a profile, a trust policy → rules, each looks at one kind of
//! subject → [`Finding`]s → ignores and baseline → [`Report`] → a format.
//!
//! # What holds
//!
//! - A part that cannot be read is a finding that no threshold lets pass ([`Verdict::Ungraded`]), never silence.
//! - A finding's identity is made of file, rule, target and evidence, and of no prose.
//! - A severity is derived ([`Derivation`]), and its page shows from what.
//! - The value of a credential is in no finding, and is hidden in every format.
//!
//! # How a rule is added
//!
//! 1. `src/rules/psbNNN_slug.rs`: a `pub(super) const RULE: Rule` (see [`Rule`]) and its check, a function that takes the
//!    subject and a [`Reporter`]. Each grade that the check gives stands in the rule's `grades`. `psb401_privileged.rs` is
//!    the shortest (a launch), `psb301_default_allow.rs` looks at a profile, `psb101_child_wider.rs` names refusals of the
//!    policy's reader.
//! 2. `pages/PSBNNN.md`: what, why, who, before and after. A line `Severity: ` repeats [`Rule::derivation`] word for word.
//! 3. One line in `src/rules/mod.rs`, and its row in `src/rules/catalogue.rs` gets `Some(&…::RULE)`.
//! 4. `tests/fixtures/PSBNNN.txt`: cases `=== bad NAME` and `=== good NAME`; in a bad case each text that a finding must
//!    point at stands between `«` and `»`, and the rule must find exactly these.
//!
//! A rule about entries of a policy takes them item by item, with places, from [`PolicyFile::grants`] and
//! [`PolicyFile::ceilings`]; one that names refusals tells its own by code and keys ([`Refused`]). A rule about a profile asks a
//! [`Filter`] by what a call goes through ([`Filter::opening`]), one about trust policies looks at [`TrustRule`]s, whatever the
//! form. Code that several rules need stands beside them in `src/rules/`.
//!
//! The tests in `tests/rules.rs` hold all of this for every row.
//!
//! # Import
//!
//! [`import()`] writes a trust policy of another tool as a policy of ours. It allows no image that the original denies, but for
//! what it tells: what cannot be said is left out, and a wider rule around it as well.
#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a rule asks for one kind of value; every other one is none of its business"
)]

mod audit;
mod exposure;
mod finding;
mod fix;
mod grade;
mod ignore;
mod import;
mod input;
mod launch;
mod output;
mod place;
mod report;
mod rule;
mod rules;
mod seccomp;
mod shape;
mod trust;

pub use audit::{Answer, Denied, Request, audit};
pub use exposure::{CONTROLS, Control, Exposure, TargetExposure};
pub use finding::{Edit, Finding, Fix, Safety, SuppressedBy, Suppression, Target, TargetKind};
pub use fix::{Allowed, Applied, Changed, apply};
pub use grade::{Derivation, Grade, Loss, Precondition, Reach, Severity};
pub use ignore::{Baseline, BaselineError, Ignores, Settings, SettingsError};
pub use import::{ImportError, ImportLoss, Imported, KeyFile, LossKind, import};
pub use input::{
    Host, Input, Kind, NoHost, PolicyFile, ProfileFile, ProfileForm, Refused, Subject, TrustFile, TrustForm,
};
pub use launch::{
    Build, Device, Engine, Hook, HostFile, Launch, LaunchLimits, Mount, MountKind, NamespaceMode, Namespaces,
    Origin, Port, SeccompChoice, SecurityOpt, Stack, Variable,
};
pub use output::JSON_SCHEMA;
pub use place::{FileId, Place, Placed, Position, Texts};
pub use report::{Ran, Report, Summary, Verdict};
pub use rule::{Check, Persona, Remedy, Reporter, Rule, RuleId};
pub use rules::{CATALOGUE, Listed, rule};
pub use seccomp::{
    Arches, ArgTest, CallAnswer, Compare, Evidence, Filter, FilterRule, Gate, KernelVersion, Opening,
};
pub use trust::{Demand, DemandKind, Identity, IdentityPart, KeySource, TrustRule};
