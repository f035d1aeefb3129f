//! One module a rule, in order of numbers.

mod catalogue;
mod lookup;
mod psb001_malformed;
mod psb002_schema_version;
mod psb003_unknown_key;
mod psb004_over_budget;
mod psb005_writable_by_others;
mod psb006_coverage_gap;
mod psb007_symlink_outside;
mod psb101_child_wider;
mod psb301_default_allow;
mod psb401_privileged;
mod psb428_remote_include;
mod psb901_unused_ignore;
mod psb902_ignore_without_reason;
mod psb903_ignore_expired;
mod psb904_baseline_from_other_version;
mod psb905_rule_crashed;

pub use catalogue::{CATALOGUE, Listed};
pub use lookup::rule;

pub(crate) use lookup::{all, crashed, hidden, malformed};
