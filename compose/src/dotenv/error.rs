use crate::error::shown;

/// A file of variables that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct EnvFileError {
    /// The line, from one.
    pub line: usize,
    /// What is wrong there.
    pub fault: EnvFileFault,
}

/// What can be wrong in a file of variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvFileFault {
    /// A character that no name has.
    #[error("`{1}` cannot be in the name of a variable, in `{0}`")]
    Character(String, char),
    /// A space in a name.
    #[error("the name `{0}` holds a space")]
    Space(String),
    /// A value without a name.
    #[error("no name before the value, in `{0}`")]
    NoName(String),
    /// A quote that is not closed.
    #[error("the quote is not closed, in `{0}`")]
    OpenQuote(String),
    /// A variable in a value that cannot be put in.
    #[error("{0}")]
    Value(String),
    /// Values that are too long together.
    #[error("values of more than {0} bytes")]
    Length(usize),
}

/// What is said of a value with a variable that is not set. The variable may be a part of a secret, so it is not named.
pub(crate) fn not_set_in(path: &str, line: usize, name: &str) -> String {
    format!(
        "{}:{line}: in the value of `{}` an empty text takes the place of a variable that is not set (`$$`, or single quotes around the value, keep a `$`)",
        shown(path),
        shown(name)
    )
}
