//! Repositories, tags and references, by the grammar of the OCI distribution spec 1.1 with docker's rule for
//! what is a registry: the first component, where it has a dot or a colon, or is `localhost`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::digest::{Digest, DigestError};

/// The longest reference that is read at all, in bytes.
const MAX_LEN: usize = 1024;
/// Longest `registry/path` by the spec.
const MAX_NAME: usize = 255;
const DEFAULT_REGISTRY: &str = "docker.io";

/// Why some text is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// It is empty or too long.
    #[error("an image reference has 1 to {MAX_LEN} characters, this one has {0}")]
    Length(usize),
    /// The registry is not a host with an optional port.
    #[error("`{0}` is not a registry: expected a host name or address and an optional port")]
    Registry(String),
    /// A path component breaks the grammar.
    #[error(
        "`{0}` is not a repository: expected lower-case components of a-z, 0-9 and single separators `.`, `_`, `__`, `-`, joined by `/`"
    )]
    Repository(String),
    /// The tag breaks the grammar.
    #[error(
        "`{0}` is not a tag: expected up to 128 letters, digits, `_`, `.`, `-`, not starting with `.` or `-`"
    )]
    Tag(String),
    /// The part after `@` is not a digest.
    #[error("the part after `@` is not usable: {0}")]
    Digest(#[from] DigestError),
}

/// A registry and a path in it, without tag or digest, e.g. `registry.example/acme/tools`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Repository {
    registry: String,
    path: String,
}

impl Repository {
    /// The registry's host and, if written, port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The path inside the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the registry is this very machine: `localhost`, `127.0.0.0/8` or `[::1]`, with any port.
    pub fn is_loopback(&self) -> bool {
        let host = host_of(&self.registry);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// The host in `host:port`, with the brackets of an IPv6 address taken off.
fn host_of(registry: &str) -> &str {
    if let Some((host, _)) = registry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return host;
    }
    registry.split_once(':').map_or(registry, |(host, _)| host)
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() || text.len() > MAX_LEN {
            return Err(ReferenceError::Length(text.len()));
        }
        let (registry, path) = match text.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
                (first.to_owned(), rest.to_owned())
            }
            Some(_) => (DEFAULT_REGISTRY.to_owned(), text.to_owned()),
            None => (DEFAULT_REGISTRY.to_owned(), format!("library/{text}")),
        };
        if !is_registry(&registry) {
            return Err(ReferenceError::Registry(registry));
        }
        let fits = registry.len().saturating_add(path.len()) < MAX_NAME;
        if !fits || !path.split('/').all(is_component) {
            return Err(ReferenceError::Repository(path));
        }
        Ok(Self { registry, path })
    }
}

impl TryFrom<String> for Repository {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Repository> for String {
    fn from(repository: Repository) -> Self {
        repository.to_string()
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

fn is_registry(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else { return false };
        return address.parse::<std::net::Ipv6Addr>().is_ok()
            && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port));
    }
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    port.is_none_or(is_port) && host.split('.').all(label)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_separator = |run: &[u8]| matches!(run, [] | b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-');
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(is_word)
        && bytes.last().copied().is_some_and(is_word)
        && bytes.split(|b| is_word(*b)).all(is_separator)
}

/// A tag: a name that a registry may point elsewhere at any time, so it is resolved once and never kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tag(String);

impl Tag {
    /// The tag as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let fits = (1..=128).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(ReferenceError::Tag(text.chars().take(160).collect()))
        }
    }
}

impl TryFrom<String> for Tag {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image reference as a person writes it: repository, and a tag, a digest or both.
///
/// Without either, the tag is `latest`. With both, the digest decides and the tag is only kept to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reference {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// A reference to exactly this content.
    pub fn pinned(repository: Repository, digest: Digest) -> Self {
        Self { repository, tag: None, digest: Some(digest) }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The tag, if one was written or implied.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if one was written.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() || text.len() > MAX_LEN {
            return Err(ReferenceError::Length(text.len()));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse::<Digest>()?)),
            None => (text, None),
        };
        // A colon after the last slash starts the tag; one before it belongs to the registry's port.
        let last = name.rfind('/').unwrap_or(0);
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) if repository.len() >= last => (repository, Some(tag.parse::<Tag>()?)),
            _ => (name, None),
        };
        let tag = match (tag, &digest) {
            (None, None) => Some(Tag("latest".to_owned())),
            (tag, _) => tag,
        };
        Ok(Self { repository: repository.parse()?, tag, digest })
    }
}

impl TryFrom<String> for Reference {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        text.parse()
    }
}

impl From<Reference> for String {
    fn from(reference: Reference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (String, String, Option<String>) {
        let reference: Reference = text.parse().unwrap();
        let repository = reference.repository();
        (
            repository.registry().to_owned(),
            repository.path().to_owned(),
            reference.tag().map(|tag| tag.as_str().to_owned()),
        )
    }

    #[test]
    fn a_registry_keeps_its_port() {
        assert_eq!(parts("host:5000/app:1"), ("host:5000".into(), "app".into(), Some("1".into())));
        assert_eq!(parts("host:5000/app"), ("host:5000".into(), "app".into(), Some("latest".into())));
        assert_eq!(parts("[::1]:5000/a/b"), ("[::1]:5000".into(), "a/b".into(), Some("latest".into())));
    }

    #[test]
    fn short_names_are_docker_hub_names() {
        assert_eq!(parts("alpine"), ("docker.io".into(), "library/alpine".into(), Some("latest".into())));
        assert_eq!(parts("acme/tools:v1"), ("docker.io".into(), "acme/tools".into(), Some("v1".into())));
    }

    #[test]
    fn a_digest_needs_no_tag_and_wins_over_one() {
        let digest = Digest::of(b"x");
        let text = format!("r.example/a@{digest}");
        let reference: Reference = text.parse().unwrap();
        assert_eq!((reference.tag(), reference.digest()), (None, Some(&digest)));
        assert_eq!(reference.to_string(), text);
    }

    #[test]
    fn injections_and_bad_grammar_are_refused() {
        let long = "a".repeat(300);
        for text in [
            "",
            "--privileged",
            "-x/y",
            "r.example/A",
            "r.example/a//b",
            "r.example/a/../b",
            "r.example/a:..",
            "r.example/a\n",
            "r.example/a b",
            "r.example:0/a",
            "r.example:99999/a",
            "r.example/a@sha256:12",
            "r.example/a@md5:d41d8cd98f00b204e9800998ecf8427e",
            "r..example/a",
            "r.example/a___b",
            "r.example/-a",
            "r.example/a\0",
            "[::1/a",
            &long,
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let loopback = |text: &str| text.parse::<Reference>().unwrap().repository().is_loopback();
        assert!(loopback("localhost:5000/a") && loopback("127.0.0.1:1/a") && loopback("[::1]/a"));
        assert!(
            !loopback("localhost.example/a")
                && !loopback("10.0.0.1:5000/a")
                && !loopback("127.0.0.1.nip.io/a")
        );
    }
}
