//! Seccomp profiles: what they say, how they are read, how they compare.

mod action;
mod admission;
mod builtin;
mod builtin_table;
mod canonical;
mod clause;
mod difference;
mod entry;
mod error;
mod narrow;
mod oci;
mod order;
mod profile;
mod reader;
mod recorded;
mod writer;

pub use action::{Action, Errno, Refusal, UnknownErrno};
pub use admission::Admission;
pub use clause::{ArgTest, Clause};
pub use difference::Beyond;
pub use entry::{Entry, NamedTest, Verb};
pub use error::ConditionProblem;
pub use error::ProfileError;
pub use oci::to_oci_json;
pub use profile::{CallRule, ProfileDigest, ProfileName, SeccompProfile, SyscallAttempt, UnusableName};
pub use recorded::Recorded;
