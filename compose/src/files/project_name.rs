use super::resolve::base;
use crate::error::{Problem, Reason, shown};

/// A name as a project may have it: lower case, of letters, digits, `_` and `-`, the first a letter or a digit.
pub(crate) fn normalized(name: &str) -> String {
    let lower = name.to_lowercase();
    let kept: String = lower
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

/// What is known of the name before the files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// The caller or the environment gave it: it stands, whatever the files say.
    Fixed(String),
    /// The project's folder gave it, if no file does.
    Folder(String),
}

/// The name that the caller or the environment gave, or else that of the project's folder.
pub(crate) fn name_before_loading(
    flag: Option<&str>,
    variable: Option<&String>,
    folder: &str,
) -> Result<Given, Problem> {
    let given = flag.filter(|name| !name.is_empty()).or(variable.map(String::as_str));
    let Some(name) = given.filter(|name| !name.is_empty()) else {
        return Ok(Given::Folder(normalized(base(folder))));
    };
    if normalized(name) == name {
        return Ok(Given::Fixed(name.to_owned()));
    }
    let message = format!("project name `{}` is not one", shown(name));
    let help = "lower-case letters, digits, `-` and `_` make a name, the first a letter or a digit";
    Err(Problem::nowhere(Reason::ProjectName, message).help(help))
}
