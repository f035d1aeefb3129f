//! Single files that a service is given: secrets where it wants them, and configs.
//!
//! A config grants nothing of the host: its content comes from the project's own file or folder and lies inside of the
//! sandbox only. It is part of the request and of the plan, where it is written as its digest.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize, Serializer};

use crate::names::SecretName;
use crate::pattern::{PatternError, is_at_or_below, is_normal, name_of_project};
use crate::plan::User;
use crate::project::text;

/// Where the secrets are that nobody wants elsewhere.
const SECRETS: &str = "/run/secrets";

/// A place for a file: as a place for a volume, or a name below `/run/secrets`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilePath(String);

/// A config of a compose project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConfigName(String);

text!(FilePath, ConfigName);

/// Who may read and write a file: 0 to 0666, written in octal. No file that is given is ever executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileMode(u16);

/// What is in a config. Cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConfigContent(Arc<[u8]>);

/// What a file is filled with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileSource {
    /// A secret, which the policy must grant by this name.
    Secret(SecretName),
    /// A config.
    Config {
        /// Its name in the project.
        name: ConfigName,
        /// What is in it.
        content: ConfigContent,
    },
}

/// A file that a service wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedFile {
    /// What is in it.
    pub source: FileSource,
    /// Where it is seen.
    pub path: FilePath,
    /// Whose it is; nothing: the program's user.
    pub uid: Option<u32>,
    /// Its group; nothing: the program's.
    pub gid: Option<u32>,
    /// Who may read it.
    pub mode: FileMode,
}

/// A file of a plan. It can only be read, whatever its mode says, and is never executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GivenFile {
    /// What is in it.
    #[serde(serialize_with = "by_digest")]
    pub source: FileSource,
    /// Where it is seen.
    pub path: FilePath,
    /// Whose it is inside.
    pub owner: User,
    /// Who may read it.
    pub mode: FileMode,
}

impl WantedFile {
    /// The file, for a program of this user.
    pub fn given_to(&self, user: User) -> GivenFile {
        let owner = User { uid: self.uid.unwrap_or(user.uid), gid: self.gid.unwrap_or(user.gid) };
        GivenFile { source: self.source.clone(), path: self.path.clone(), owner, mode: self.mode }
    }
}

impl From<GivenFile> for WantedFile {
    fn from(GivenFile { source, path, owner, mode }: GivenFile) -> Self {
        Self { source, path, uid: Some(owner.uid), gid: Some(owner.gid), mode }
    }
}

/// Of a config the digest, of a secret the name.
fn by_digest<S: Serializer>(source: &FileSource, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Written<'a> {
        Secret(&'a SecretName),
        Config { name: &'a ConfigName, digest: Digest },
    }
    match source {
        FileSource::Secret(name) => Written::Secret(name).serialize(serializer),
        FileSource::Config { name, content } => {
            Written::Config { name, digest: content.digest() }.serialize(serializer)
        }
    }
}

/// Files at places of their own, and behind them these secrets that have none: each under `/run/secrets`, for the user alone.
pub fn given_files(secrets: &[SecretName], files: &[GivenFile], user: User) -> Vec<GivenFile> {
    let mut all = files.to_vec();
    for name in secrets {
        let source = FileSource::Secret(name.clone());
        if !files.iter().any(|file| file.source == source) {
            let path = FilePath(format!("{SECRETS}/{name}"));
            all.push(GivenFile { source, path, owner: user, mode: FileMode::SECRET });
        }
    }
    all
}

impl FilePath {
    /// The name below `/run/secrets`, if it is there.
    pub fn in_secrets(&self) -> Option<&str> {
        self.0.strip_prefix(SECRETS)?.strip_prefix('/')
    }
}

impl FileMode {
    /// What a secret has where nobody says: its owner reads it.
    pub const SECRET: Self = Self(0o400);
    /// What a config has where nobody says: everybody inside reads it.
    pub const CONFIG: Self = Self(0o444);

    /// As a number.
    pub const fn bits(self) -> u32 {
        // Widening; `From` is no constant.
        #[expect(clippy::as_conversions, reason = "widening in a constant function")]
        {
            self.0 as u32
        }
    }
}

impl ConfigContent {
    /// The most that all configs of a service have together.
    pub const MOST_BYTES: usize = 512 << 10;

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What a plan says of it.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl TryFrom<Vec<u8>> for ConfigContent {
    type Error = PatternError;

    fn try_from(bytes: Vec<u8>) -> Result<Self, PatternError> {
        if bytes.len() <= Self::MOST_BYTES {
            Ok(Self(bytes.into()))
        } else {
            Err(PatternError::new(
                &format!("{} bytes", bytes.len()),
                "a config: all of a service have 512 KiB together at most; put what is larger into a volume or the image",
            ))
        }
    }
}

/// Out of base64.
impl TryFrom<String> for ConfigContent {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        let bytes = STANDARD.decode(text);
        bytes.map_err(|_| PatternError::new("a content", "a config in base64"))?.try_into()
    }
}

impl From<ConfigContent> for String {
    fn from(content: ConfigContent) -> Self {
        STANDARD.encode(&content.0)
    }
}

impl FromStr for FilePath {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let own = ["/proc", "/sys", "/dev", SECRETS];
        let overlaps = |own: &&str| is_at_or_below(text, own) || is_at_or_below(own, text);
        let secret = text.strip_prefix("/run/secrets/").is_some_and(|name| !name.contains('/'));
        // SECURITY: a file there could cover a mask or a device of ours.
        if is_normal(text) && (secret || !own.iter().any(overlaps)) {
            Ok(Self(text.to_owned()))
        } else {
            Err(PatternError::new(
                text,
                "a place for a file: expected an absolute, normal path outside of `/proc`, `/sys` and `/dev`, or a name in `/run/secrets`",
            ))
        }
    }
}

impl FromStr for ConfigName {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        name_of_project(text).map(Self)
    }
}

impl FromStr for FileMode {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let digits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
        let mode =
            digits.then(|| u16::from_str_radix(text, 8).ok()).flatten().filter(|mode| mode & !0o666 == 0);
        mode.map(Self)
            .ok_or_else(|| PatternError::new(text, "a mode of a file: expected `0` to `0666`, in octal, without the right to execute, which no file that is given has"))
    }
}

impl TryFrom<String> for FileMode {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl From<FileMode> for String {
    fn from(mode: FileMode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for FileMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{:o}", self.0)
    }
}

impl fmt::Display for FileSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(name) => write!(f, "secret {name}"),
            Self::Config { name, content } => {
                let digest = content.digest();
                write!(f, "config {name} ({})", digest.hex().get(..12).unwrap_or_default())
            }
        }
    }
}

impl fmt::Display for GivenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} {}", self.source, self.path, self.mode)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_covers_none_of_the_walls() {
        for text in ["/site.conf", "/etc/nginx/site.conf", "/run/secrets/token", "/run/x", "/tmp/a"] {
            assert!(text.parse::<FilePath>().is_ok(), "{text}");
        }
        for text in [
            "/",
            "a",
            "/run",
            "/run/secrets",
            "/run/secrets/a/b",
            "/proc/x",
            "/dev/x",
            "/sys",
            "/a/../b",
            "/a/",
            "/a\nb",
        ] {
            assert!(text.parse::<FilePath>().is_err(), "{text}");
        }
        assert_eq!("/run/secrets/token".parse::<FilePath>().unwrap().in_secrets(), Some("token"));
    }

    #[test]
    fn a_mode_has_no_more_than_permissions() {
        for (text, mode) in [("0", 0), ("444", 0o444), ("0440", 0o440), ("0666", 0o666)] {
            assert_eq!(text.parse::<FileMode>().unwrap().bits(), mode, "{text}");
        }
        for text in ["", "8", "0555", "100", "04644", "1777", "-1", "0o444", "00000777"] {
            assert!(text.parse::<FileMode>().is_err(), "{text}");
        }
        assert_eq!(FileMode::SECRET.to_string(), "0400");
    }

    #[test]
    fn a_content_travels_whole_and_is_written_in_a_plan_by_its_digest() {
        let content = ConfigContent::try_from(vec![0, 255, b'x']).unwrap();
        let source = FileSource::Config { name: "site".parse().unwrap(), content: content.clone() };
        let text = serde_json::to_string(&source).unwrap();
        assert_eq!(serde_json::from_str::<FileSource>(&text).unwrap(), source);
        let path = "/x".parse().unwrap();
        let file = GivenFile { source, path, owner: User { uid: 1, gid: 2 }, mode: FileMode::CONFIG };
        let text = serde_json::to_string(&file).unwrap();
        assert!(text.contains(content.digest().as_str()) && !text.contains("content"), "{text}");
        assert!(ConfigContent::try_from(vec![0; ConfigContent::MOST_BYTES + 1]).is_err());
    }
}
