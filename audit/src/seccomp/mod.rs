//! Seccomp profiles in every form, as one kind of filter with places.

mod action;
mod filter;
mod foreign;
mod oci;
mod own;
mod read;
mod seccompiler;
mod test;

pub use action::CallAnswer;
pub use filter::{Arches, Evidence, Filter, FilterRule, Gate, KernelVersion, Opening};
pub use test::{ArgTest, Compare};

pub(crate) use action::{ENOSYS, EPERM};
pub(crate) use foreign::is_known_call;
pub(crate) use own::has_own_schema;
pub(crate) use read::read_profile;
