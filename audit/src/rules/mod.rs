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
mod psb302_host_takeover_call;
mod psb303_io_uring_bypass;
mod psb304_missing_arch;
mod psb305_x32_open;
mod psb306_clone3_kills;
mod psb307_namespace_flags;
mod psb308_ioctl_open;
mod psb309_socket_family_open;
mod psb310_always_true_gate;
mod psb311_dead_rule;
mod psb312_error_number;
mod psb313_log_only;
mod psb314_wider_than_recorded;
mod psb315_missing_runtime_calls;
mod psb317_unpinned_profile;
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
