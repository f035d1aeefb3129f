//! The first desk: which entry of the policy a request falls under, and what must be proved about its image.

mod desk;
mod entry;
mod question;

pub use desk::{ImageSubject, Required, decide_requirement};
pub(crate) use entry::{Entry, Rule, entry_of, rule_for};
pub(crate) use question::requirement;
