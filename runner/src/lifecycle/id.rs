//! What a sandbox is called: an id that nobody can guess, and a name for people.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::str::FromStr;

use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};

use super::error::LifecycleError;

/// The id of a sandbox: 128 random bits as 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SandboxId(String);

impl SandboxId {
    pub(super) fn random() -> io::Result<Self> {
        random_digits::<16>().map(Self)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn random_digits<const BYTES: usize>() -> io::Result<String> {
    let mut bytes = [0; BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(hexadecimal(&bytes))
}

/// Two digits for each byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte.wrapping_shr(4), byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

fn is_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for SandboxId {
    type Err = LifecycleError;

    fn from_str(text: &str) -> Result<Self, LifecycleError> {
        if is_id(text) { Ok(Self(text.to_owned())) } else { Err(LifecycleError::NotFound(shown(text))) }
    }
}

impl TryFrom<String> for SandboxId {
    type Error = LifecycleError;

    fn try_from(text: String) -> Result<Self, LifecycleError> {
        text.parse()
    }
}

impl From<SandboxId> for String {
    fn from(id: SandboxId) -> Self {
        id.0
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a sandbox: 1 to 63 of `a-z`, `0-9`, `.`, `_`, `-`, beginning with a letter or digit, and not an id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SandboxName(String);

/// The longest name.
const LONGEST: usize = 63;

impl SandboxName {
    /// A name for a sandbox of this image: eight digits of the MD5 of the image's name, and eight random ones.
    pub(super) fn of_image(image: &str) -> io::Result<Self> {
        // MD5 tells images apart for people, as in the names of other tools; nothing relies on it.
        let sum = hexadecimal(&Md5::digest(image.as_bytes()));
        Ok(Self(format!("{}-{}", sum.get(..8).unwrap_or_default(), random_digits::<4>()?)))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SandboxName {
    type Err = LifecycleError;

    fn from_str(text: &str) -> Result<Self, LifecycleError> {
        let first =
            text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let rest = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if first && rest && text.len() <= LONGEST && !is_id(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(LifecycleError::BadName(shown(text)))
        }
    }
}

impl TryFrom<String> for SandboxName {
    type Error = LifecycleError;

    fn try_from(text: String) -> Result<Self, LifecycleError> {
        text.parse()
    }
}

impl From<SandboxName> for String {
    fn from(name: SandboxName) -> Self {
        name.0
    }
}

impl fmt::Display for SandboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text of a caller as an error shows it: short, and in one line.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_cannot_leave_their_folder() {
        for good in ["a", "0", "web-1", "a.b_c", &"x".repeat(63)] {
            assert!(good.parse::<SandboxName>().is_ok(), "{good}");
        }
        let id = SandboxId::random().unwrap().to_string();
        for bad in ["", ".", "..", "-a", "_a", "A", "a/b", "a b", "a\n", "ä", &"x".repeat(64), &id] {
            assert!(bad.parse::<SandboxName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_are_long_and_differ() {
        let (one, two) = (SandboxId::random().unwrap(), SandboxId::random().unwrap());
        assert!(one != two && one.as_str().parse::<SandboxId>().unwrap() == one);
        assert!("../../etc".parse::<SandboxId>().is_err() && one.as_str().to_uppercase().len() == 32);
    }

    #[test]
    fn a_name_of_an_image_begins_with_its_sum() {
        let name = SandboxName::of_image("abc").unwrap();
        assert!(name.as_str().starts_with("90015098-") && name.as_str().len() == 17);
        assert!(name.as_str().parse::<SandboxName>().is_ok());
    }
}
