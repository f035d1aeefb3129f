use std::collections::BTreeMap;

use super::escapes::expand;
use super::{EnvFileError, EnvFileFault};
use crate::error::shown;
use crate::template::Substitution;

/// Bytes of all values of a file.
const MOST_VALUES: usize = 8 << 20;
/// Values of one file that are told of.
const MOST_TOLD: usize = 20;

/// Reads a file of variables into `out`. A name alone takes its value from `lookup`; a variable in a value is looked for
/// there first, and then among those of `out`.
///
/// # Errors
/// The first line that cannot be read.
pub fn parse(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    out: &mut BTreeMap<String, String>,
) -> Result<(), EnvFileError> {
    parse_telling(text, lookup, out, &mut |_, _| ())
}

/// [`parse`], which tells the line and the name of each value in which a variable stands that is not set.
///
/// # Errors
/// The first line that cannot be read.
pub(crate) fn parse_telling(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
    out: &mut BTreeMap<String, String>,
    unset: &mut dyn FnMut(usize, &str),
) -> Result<(), EnvFileError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, rest: text, left: MOST_VALUES };
    // Counted onwards: from the beginning for each value, a file of nothing but values takes the square of its length.
    let (mut line, mut counted) = (1_usize, 0);
    let mut told = 0..MOST_TOLD;
    while reader.skip_to_statement() {
        match reader.name()? {
            Name::Alone(name) => {
                if let Some(value) = lookup(name) {
                    out.insert(name.to_owned(), value);
                }
            }
            Name::Valued(name) => {
                let read = reader.read();
                let between = text.get(counted..read).unwrap_or_default();
                line = line.saturating_add(between.matches('\n').count());
                counted = read;
                let known = |name: &str| lookup(name).or_else(|| out.get(name).cloned());
                let value = reader.value(&known);
                let (value, is_whole) = value.map_err(|error| EnvFileError { line, ..error })?;
                if !is_whole && told.next().is_some() {
                    unset(line, name);
                }
                out.insert(name.to_owned(), value);
            }
        }
    }
    Ok(())
}

enum Name<'a> {
    /// `NAME`, and the line ends.
    Alone(&'a str),
    /// `NAME=` or `NAME:`.
    Valued(&'a str),
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    left: usize,
}

impl<'a> Reader<'a> {
    /// Goes over empty lines and comments; `false` at the end.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    fn name(&mut self) -> Result<Name<'a>, EnvFileError> {
        if let Some(behind) =
            self.rest.strip_prefix("export").filter(|rest| rest.starts_with(char::is_whitespace))
        {
            self.rest = behind.trim_start_matches(space);
        }
        let all = self.rest;
        for (at, character) in all.char_indices() {
            match character {
                '=' | ':' | '\n' => {
                    let (name, behind) = all.split_at_checked(at).unwrap_or((all, ""));
                    let name = name.trim_end();
                    if name.contains(' ') {
                        return Err(self.error(EnvFileFault::Space(shown(name))));
                    }
                    let mut behind = behind.chars();
                    behind.next();
                    self.rest = behind.as_str().trim_start_matches(space);
                    return Ok(if character == '\n' { Name::Alone(name) } else { Name::Valued(name) });
                }
                '_' | '.' | '-' | '[' | ']' => {}
                _ if space(character) || character.is_alphanumeric() => {}
                _ => {
                    let line = all.lines().next().unwrap_or_default();
                    return Err(self.error(EnvFileFault::Character(shown(line), character)));
                }
            }
        }
        // A last line without an end is taken for a value without a name: so does the standard's reader.
        self.rest = all.trim_start_matches(space);
        Ok(Name::Valued(""))
    }

    /// The value with its variables put in, and whether all of them are set.
    fn value(&mut self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<(String, bool), EnvFileError> {
        let quote = self.rest.chars().next().filter(|first| matches!(first, '"' | '\''));
        let raw = if let Some(quote) = quote {
            let quoted = self.quoted(quote)?;
            if quote == '\'' {
                return Ok((self.counted(quoted)?, true));
            }
            expand(&quoted)
        } else {
            let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            self.rest = rest;
            line.split_once(" #").map_or(line, |(value, _)| value).trim_end().to_owned()
        };
        let mut substitution = Substitution::new(lookup);
        let value = substitution.apply(&raw);
        let value = value.map_err(|error| self.error(EnvFileFault::Value(error.to_string())))?;
        Ok((self.counted(value)?, substitution.unset.is_empty()))
    }

    /// The text between quotes, over several lines if need be; `\` before the quote makes it a character.
    fn quoted(&mut self, quote: char) -> Result<String, EnvFileError> {
        let mut characters = self.rest.char_indices();
        characters.next();
        let mut out = String::new();
        let mut escaped = false;
        for (at, character) in characters {
            if character == quote && !escaped {
                self.rest = self.rest.get(at.saturating_add(1)..).unwrap_or_default();
                return Ok(out);
            }
            if character == '\\' && !escaped {
                escaped = true;
                continue;
            }
            if escaped && character != quote {
                out.push('\\');
            }
            escaped = false;
            out.push(character);
        }
        let line = self.rest.lines().next().unwrap_or_default();
        Err(self.error(EnvFileFault::OpenQuote(shown(line))))
    }

    fn counted(&mut self, value: String) -> Result<String, EnvFileError> {
        self.left = self
            .left
            .checked_sub(value.len())
            .ok_or_else(|| self.error(EnvFileFault::Length(MOST_VALUES)))?;
        Ok(value)
    }

    fn error(&self, fault: EnvFileFault) -> EnvFileError {
        let line = self.text.get(..self.read()).unwrap_or_default().split('\n').count();
        EnvFileError { line, fault }
    }

    /// How many bytes are behind it.
    const fn read(&self) -> usize {
        self.text.len().saturating_sub(self.rest.len())
    }
}

/// White space within a line.
fn space(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}
