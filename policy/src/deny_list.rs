//! The deny list: what counts no more, whoever signed it and whatever else the policy says.

use std::collections::BTreeSet;
use std::fmt;

use perry_sandbox_reference::Digest;
use serde::Serialize;

use crate::evidence::{LogEntry, VerifiedIdentity};
use crate::identity::SubjectPattern;

/// One thing that is denied, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DenyEntry {
    /// What.
    pub what: Denied,
    /// Why, for people.
    pub reason: String,
}

/// What is denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Denied {
    /// An image: an index, a manifest, or a config of this digest.
    Digest(Digest),
    /// A key, by the SHA-256 digest of its `SubjectPublicKeyInfo` in DER: a managed key or a certificate's.
    Key(Digest),
    /// A certificate's subject, of this issuer or of any.
    Identity {
        /// The OIDC issuer, exact; nothing means every issuer.
        issuer: Option<String>,
        /// The subject.
        subject: SubjectPattern,
    },
    /// A certificate, by its serial number in lower-case hex without leading zeros.
    Serial(String),
    /// An entry of a transparency log.
    LogEntry {
        /// The log's key id in lower-case hex; nothing means every log.
        log: Option<String>,
        /// The entry's index.
        index: u64,
    },
}

/// Everything that is denied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DenyList {
    entries: BTreeSet<DenyEntry>,
}

/// What is known about a signature that might be denied.
#[derive(Debug, Clone, Copy)]
pub struct DenyFacts<'a> {
    /// Whose it is.
    pub by: &'a VerifiedIdentity,
    /// Digest of the certificate's own key.
    pub certificate_key: Option<&'a Digest>,
    /// The certificate's serial number, as [`serial_text`] writes it.
    pub serial: Option<&'a str>,
    /// Every log entry that it carries, verified or not.
    pub entries: &'a [LogEntry],
}

impl DenyList {
    /// A list of these entries.
    pub fn new(entries: impl IntoIterator<Item = DenyEntry>) -> Self {
        Self { entries: entries.into_iter().collect() }
    }

    /// Whether nothing is denied.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &DenyEntry> {
        self.entries.iter()
    }

    /// Everything that either denies.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self { entries: self.entries.union(&other.entries).cloned().collect() }
    }

    /// The entry that denies an image by one of these digests.
    pub fn image<'a>(&self, digests: impl IntoIterator<Item = &'a Digest>) -> Option<&DenyEntry> {
        let digests: Vec<_> = digests.into_iter().collect();
        self.entries
            .iter()
            .find(|entry| matches!(&entry.what, Denied::Digest(digest) if digests.contains(&digest)))
    }

    /// The entry that denies a signature.
    pub fn signature(&self, facts: DenyFacts<'_>) -> Option<&DenyEntry> {
        self.entries.iter().find(|entry| entry.what.is(facts))
    }
}

impl Denied {
    fn is(&self, facts: DenyFacts<'_>) -> bool {
        match (self, facts.by) {
            (Self::Key(key), by) => {
                facts.certificate_key == Some(key)
                    || matches!(by, VerifiedIdentity::Key { fingerprint } if fingerprint == key)
            }
            (Self::Identity { issuer, subject }, VerifiedIdentity::Keyless { issuer: by, subject: who }) => {
                issuer.as_ref().is_none_or(|issuer| issuer == by) && subject.matches(who)
            }
            (Self::Digest(_), _) | (Self::Identity { .. }, VerifiedIdentity::Key { .. }) => false,
            (Self::Serial(serial), _) => facts.serial == Some(serial.as_str()),
            (Self::LogEntry { log, index }, _) => facts
                .entries
                .iter()
                .any(|entry| entry.index == *index && log.as_ref().is_none_or(|log| *log == entry.log_id)),
        }
    }
}

/// A serial number as the deny list compares it: lower-case hex without leading zeros, colons, or spaces. Nothing
/// where the text is no hex number.
pub fn serial_text(text: &str) -> Option<String> {
    let text = text.strip_prefix("0x").unwrap_or(text);
    let digits: String = text.chars().filter(|c| *c != ':').map(|c| c.to_ascii_lowercase()).collect();
    let is_hex = (1..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let trimmed = digits.trim_start_matches('0');
    is_hex.then(|| if trimmed.is_empty() { "0".to_owned() } else { trimmed.to_owned() })
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => write!(f, "the digest {digest}"),
            Self::Key(key) => write!(f, "the key {key}"),
            Self::Identity { issuer, subject } => {
                write!(f, "the identity {}", subject.as_str())?;
                issuer.as_ref().map_or(Ok(()), |issuer| write!(f, ", by {issuer}"))
            }
            Self::Serial(serial) => write!(f, "the certificate with the serial number {serial}"),
            Self::LogEntry { log, index } => {
                write!(f, "the log entry {index}")?;
                log.as_ref().map_or(Ok(()), |log| write!(f, " of the log {log}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(what: Denied) -> DenyList {
        DenyList::new([DenyEntry { what, reason: "because".to_owned() }])
    }

    fn keyless() -> VerifiedIdentity {
        VerifiedIdentity::Keyless {
            issuer: "https://issuer".into(),
            subject: "https://h/a/w@refs/tags/v1".into(),
        }
    }

    fn denies(what: Denied, by: &VerifiedIdentity, serial: Option<&str>, entries: &[LogEntry]) -> bool {
        list(what).signature(DenyFacts { by, certificate_key: None, serial, entries }).is_some()
    }

    #[test]
    fn each_kind_denies_its_own_and_nothing_else() {
        let key = VerifiedIdentity::Key { fingerprint: Digest::of(b"key") };
        assert!(denies(Denied::Key(Digest::of(b"key")), &key, None, &[]));
        assert!(!denies(Denied::Key(Digest::of(b"other")), &key, None, &[]));
        let identity = |issuer: Option<&str>, subject: &str| Denied::Identity {
            issuer: issuer.map(str::to_owned),
            subject: SubjectPattern::Star(subject.to_owned()),
        };
        assert!(denies(identity(None, "https://h/a/*@refs/tags/*"), &keyless(), None, &[]));
        assert!(denies(
            identity(Some("https://issuer"), "https://h/a/w@refs/tags/v1"),
            &keyless(),
            None,
            &[]
        ));
        assert!(!denies(
            identity(Some("https://other"), "https://h/a/w@refs/tags/v1"),
            &keyless(),
            None,
            &[]
        ));
        assert!(!denies(identity(None, "https://h/b/*"), &keyless(), None, &[]));
        assert!(denies(Denied::Serial("1f".into()), &keyless(), Some("1f"), &[]));
        assert!(!denies(Denied::Serial("1f".into()), &keyless(), Some("2f"), &[]));
        let entries = [LogEntry { log_id: "aa".into(), index: 7, url: None }];
        let entry = |log: Option<&str>, index| Denied::LogEntry { log: log.map(str::to_owned), index };
        assert!(denies(entry(None, 7), &key, None, &entries));
        assert!(denies(entry(Some("aa"), 7), &key, None, &entries));
        assert!(!denies(entry(Some("bb"), 7), &key, None, &entries));
        assert!(!denies(entry(None, 8), &key, None, &entries));
    }

    #[test]
    fn a_certificates_own_key_is_denied_like_a_managed_one() {
        let key = Digest::of(b"key");
        let facts = DenyFacts { by: &keyless(), certificate_key: Some(&key), serial: None, entries: &[] };
        assert!(list(Denied::Key(key.clone())).signature(facts).is_some());
    }

    #[test]
    fn serial_numbers_are_compared_as_numbers() {
        assert_eq!(serial_text("0x00:AB:01").as_deref(), Some("ab01"));
        assert_eq!(serial_text("00").as_deref(), Some("0"));
        assert_eq!(serial_text(""), None);
        assert_eq!(serial_text("xyz"), None);
    }
}
