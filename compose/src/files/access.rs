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
    if let Some(text) = in_utf16(&bytes) {
        let message = || format!("`{}` is not the text in UTF-16 that its first bytes say", shown(path));
        return text.map_err(|NoText| Problem::nowhere(Reason::YamlSyntax, message()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = good.split(|byte| *byte == b'\n').count();
        let message = format!("`{}` is not text in UTF-8: see line {line}", shown(path));
        Problem::nowhere(Reason::YamlSyntax, message)
    })
}

/// The text behind a byte order mark of UTF-16, in which some programs write; nothing where there is no such mark.
fn in_utf16(bytes: &[u8]) -> Option<Result<String, NoText>> {
    let (mark, rest) = bytes.split_first_chunk::<2>()?;
    let unit: fn([u8; 2]) -> u16 = match mark {
        [0xFF, 0xFE] => u16::from_le_bytes,
        [0xFE, 0xFF] => u16::from_be_bytes,
        _ => return None,
    };
    let (units, odd) = rest.as_chunks::<2>();
    let text = char::decode_utf16(units.iter().copied().map(unit)).collect::<Result<String, _>>();
    Some(text.ok().filter(|_| odd.is_empty()).ok_or(NoText))
}

/// Half a letter, or half of a half.
#[derive(Debug, PartialEq, Eq)]
struct NoText;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_behind_a_mark_of_utf_16_is_read_and_half_a_letter_is_none() {
        let text = "name: ä🐚\n";
        let little: Vec<u8> =
            [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> =
            [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big] {
            assert_eq!(in_utf16(&bytes), Some(Ok(text.to_owned())));
            assert_eq!(in_utf16(bytes.get(..bytes.len() - 1).unwrap()), Some(Err(NoText)), "half a unit");
            assert_eq!(in_utf16(bytes.get(..bytes.len() - 4).unwrap()), Some(Err(NoText)), "half a letter");
        }
        for other in [&b""[..], b"\xFF", b"\xEF\xBB\xBFa", b"name"] {
            assert_eq!(in_utf16(other), None);
        }
    }
}
