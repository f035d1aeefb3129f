use std::collections::BTreeMap;

use super::{EnvFileError, EnvFileFault};
use crate::error::shown;

/// Reads a file of variables of which every value is meant as it stands: no quotes, no escapes, no variables, no
/// comments behind it. A name alone takes its value from `lookup`.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse_raw(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    out: &mut BTreeMap<String, String>,
) -> Result<(), EnvFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').map_or((line, None), |(name, value)| (name, Some(value)));
        let fault = if name.is_empty() {
            Some(EnvFileFault::NoName(shown(line)))
        } else if name.contains([' ', '\t']) {
            Some(EnvFileFault::Space(shown(name)))
        } else {
            None
        };
        if let Some(fault) = fault {
            return Err(EnvFileError { line: at.saturating_add(1), fault });
        }
        if let Some(value) = value.map(str::to_owned).or_else(|| lookup(name)) {
            out.insert(name.to_owned(), value);
        }
    }
    Ok(())
}
