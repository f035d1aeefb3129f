use crate::error::{Problem, Reason, shown};

/// What the loader sees of the world outside: nothing but the files that a project names.
pub trait Files {
    /// What stands at an absolute path, links followed.
    fn kind(&self, path: &str) -> Kind;

    /// The bytes of a file.
    ///
    /// # Errors
    /// The file cannot be read, or has more than `most` bytes.
    fn read(&self, path: &str, most: usize) -> Result<Vec<u8>, FileError>;

    /// What is on standard input, for the file name `-`.
    ///
    /// # Errors
    /// It cannot be read, or has more than `most` bytes.
    fn standard_input(&self, most: usize) -> Result<Vec<u8>, FileError>;

    /// The path without symbolic links, if there is something at it.
    fn real(&self, path: &str) -> Option<String>;
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Missing,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// Something else, or something that may not be looked at.
    Other,
}

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Nothing is there.
    #[error("there is no such file")]
    Missing,
    /// A folder is there.
    #[error("it is a folder")]
    Folder,
    /// It may not be read.
    #[error("it may not be read")]
    Denied,
    /// It is larger than what is read.
    #[error("it has more than {0} bytes")]
    TooLarge(usize),
    /// Anything else, in the system's words.
    #[error("{0}")]
    System(String),
}

/// A file's text.
pub(crate) fn read_text(files: &dyn Files, path: &str, most: usize) -> Result<String, Problem> {
    let bytes = if path == "-" { files.standard_input(most) } else { files.read(path, most) };
    let bytes = bytes.map_err(|error| {
        let reason =
            if matches!(error, FileError::TooLarge(_)) { Reason::Limit } else { Reason::MissingFile };
        Problem::nowhere(reason, format!("cannot read `{}`: {error}", shown(path)))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let good = bytes.get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        let is_utf16 = bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]);
        let why =
            if is_utf16 { "but in UTF-16: save it in UTF-8".to_owned() } else { format!("see line {line}") };
        let message = format!("`{}` is not text in UTF-8, {why}", shown(path));
        Problem::nowhere(Reason::YamlSyntax, message)
    })
}
