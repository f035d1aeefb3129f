//! The one place that reads the process's environment.

use std::ffi::OsString;
use std::path::Path;

use perry_sandbox_pipeline::Environment;

/// Reads the environment; `data_dir` of the command line wins over the environment's.
///
/// # Errors
/// Neither a home folder nor an XDG folder is known, or a path is relative.
pub(crate) fn read(data_dir: Option<&Path>) -> anyhow::Result<Environment> {
    Ok(Environment::new(&variable, data_dir)?)
}

/// The value of a variable; an empty one counts as none.
#[expect(clippy::disallowed_methods, reason = "this module is the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// All variables; a name or value that is not text can be in no project.
pub(crate) fn all() -> std::collections::BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
