//! The one place that reads the process's environment.

use std::ffi::OsString;

/// The value of a variable of this process; an empty one counts as none.
#[expect(clippy::disallowed_methods, reason = "this module is the one place that reads the environment")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
