//! How a recorded profile came to be: what a reader needs to judge whether it still fits. It does not count for what
//! the profile means.

use serde::{Deserialize, Serialize};

use super::error::ProfileError;

/// The longest text of one field, in bytes.
const LONGEST: usize = 1000;
/// The most items of a list.
const MOST: usize = 64;

/// How a profile was recorded.
///
/// A recording knows one kernel, one C library, and the paths that were walked while it was made; these are the words to
/// compare by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recorded {
    /// Program and version that recorded.
    pub recorder: String,
    /// The kernel's release.
    pub kernel: String,
    /// The C library that the program was linked to, or `static`.
    pub libc: String,
    /// Digest of the image's manifest.
    pub image: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The tier that it ran in.
    pub tier: String,
    /// Name and digest of the profile that was in force; nothing that it denies can be in the recording.
    pub under: String,
    /// How many runs were made.
    pub runs: u32,
    /// Whether the last two runs showed nothing new.
    pub settled: bool,
    /// Whether it ran under this profile, every other call killing it, as it had run while it was recorded.
    pub proved: bool,
    /// What no run did.
    pub not_exercised: Vec<String>,
}

impl Recorded {
    /// Refuses what is too long, and what could drive a terminal.
    pub(super) fn check(&self, line: usize) -> Result<(), ProfileError> {
        let lists = [("the command", &self.command), ("`not-exercised`", &self.not_exercised)];
        for (what, list) in lists {
            if list.len() > MOST {
                let (most, unit, found) = (MOST, "items", list.len());
                return Err(ProfileError::Size { line, what, most, unit, found });
            }
        }
        let fields = [&self.recorder, &self.kernel, &self.libc, &self.image, &self.tier, &self.under];
        let texts = fields.into_iter().chain(&self.command).chain(&self.not_exercised);
        match texts.into_iter().find(|text| text.len() > LONGEST || text.chars().any(char::is_control)) {
            Some(_) => Err(ProfileError::Evidence { line, most: LONGEST }),
            None => Ok(()),
        }
    }

    /// Takes a word of the world into a field: cut to what may be read back, control characters written out.
    pub fn word(text: &str) -> String {
        let mut word = String::new();
        for c in text.chars() {
            let before = word.len();
            if c.is_control() {
                word.extend(c.escape_default());
            } else {
                word.push(c);
            }
            if word.len() > LONGEST {
                word.truncate(before);
                break;
            }
        }
        word
    }

    /// Takes program and arguments, as many as may be read back.
    pub fn words(command: &[String]) -> Vec<String> {
        command.iter().take(MOST).map(|word| Self::word(word)).collect()
    }
}
