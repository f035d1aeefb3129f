//! The one place that reads the process's environment.

use std::ffi::OsString;

/// The value of a variable of this process; an empty one counts as none.
#[expect(clippy::disallowed_methods, reason = "this module is the one place that reads the environment")]
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// All variables of this process whose names and values are text: no other can be in a project's file.
pub(crate) fn variables() -> std::collections::BTreeMap<String, String> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).collect()
}
