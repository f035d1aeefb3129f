//! The signer that a caller names beside or instead of a policy, as a requirement.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use perry_sandbox_policy::{
    Expression, IssuerPattern, LogRule, RepositoryRule, Requirement, Signer, SignerIdentity, SubjectPattern,
    TrustRoot, TrustRootSource,
};
use perry_sandbox_reference::{Digest, Repository};
use serde::{Deserialize, Serialize};

use crate::error::PipelineError;
use crate::files::{self, FileError};

/// What signer, key and trust root are called when a caller names them.
const COMMAND_LINE: &str = "command-line";
/// As old as the public trust root may be where a caller names none, as in policies.
const PUBLIC_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Far above any key.
const MAX_KEY: u64 = 64 * 1024;
/// Far above the public instance's trust root.
const MAX_TRUST_ROOT: u64 = 4 * 1024 * 1024;

/// Who must have signed, in the caller's words: a key, or an identity with its issuer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SignerChoice {
    /// A public key.
    pub key: Option<KeyChoice>,
    /// A signature of the key without a transparency log entry is refused.
    pub require_log: bool,
    /// Trust root: certificate authorities, logs and time stamp authorities (`trusted_root.json`), or a folder of such
    /// files, of which one must vouch for all of a signature; none: the public instance's, for a certificate's identity.
    pub trusted_root: Option<PathBuf>,
    /// Subject of the signer's certificate, exact.
    pub identity: Option<String>,
    /// Regular expression that the whole subject must match.
    pub identity_regexp: Option<String>,
    /// Issuer that vouched for the signer, exact.
    pub issuer: Option<String>,
    /// Regular expression that the whole issuer must match.
    pub issuer_regexp: Option<String>,
}

/// Where a public key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum KeyChoice {
    /// In a PEM file.
    File(PathBuf),
    /// The PEM itself.
    Pem(String),
}

impl SignerChoice {
    /// The signer, or nothing if none is named.
    ///
    /// # Errors
    /// A file cannot be read, a key is no public key, or half of a keyless signer is missing.
    pub fn signer(&self) -> Result<Option<Signer>, PipelineError> {
        self.check()?;
        let root = self.trusted_root.as_deref().map(trust_root).transpose()?;
        let name = COMMAND_LINE.parse()?;
        if let Some(key) = &self.key {
            return Ok(Some(Signer::new(name, SignerIdentity::Key { pem: key.pem()?, root })));
        }
        let (Some(subject), Some(issuer)) = (self.subject()?, self.issuer()?) else {
            return match root {
                Some(_) => Err(refuse(
                    "a trust root says nothing about who must have signed: add a key, or a certificate's identity and issuer",
                )),
                None => Ok(None),
            };
        };
        let root = root.map_or_else(public_root, Ok)?;
        let identity = SignerIdentity::Keyless { issuer, subject, claims: BTreeMap::new(), root };
        Ok(Some(Signer::new(name, identity)))
    }

    /// The files that it is read from.
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let key = match &self.key {
            Some(KeyChoice::File(path)) => Some(path),
            Some(KeyChoice::Pem(_)) | None => None,
        };
        key.into_iter().chain(&self.trusted_root)
    }

    /// Whether a log entry is demanded.
    pub fn log(&self) -> LogRule {
        if self.require_log { LogRule::Required } else { LogRule::Optional }
    }

    /// Combinations that would leave something that the caller wrote without an effect.
    fn check(&self) -> Result<(), PipelineError> {
        let subject = self.identity.is_some() || self.identity_regexp.is_some();
        let issuer = self.issuer.is_some() || self.issuer_regexp.is_some();
        if self.identity.is_some() && self.identity_regexp.is_some()
            || self.issuer.is_some() && self.issuer_regexp.is_some()
        {
            return Err(refuse("an identity or issuer is either exact or a regular expression, not both"));
        }
        if subject != issuer {
            return Err(refuse("a certificate's identity and its issuer are only demanded together"));
        }
        if self.key.is_some() && subject {
            return Err(refuse("a signer is a key or a certificate's identity, not both"));
        }
        if self.require_log && (self.key.is_none() || self.trusted_root.is_none()) {
            return Err(refuse(
                "a log entry is demanded of a key's signature, and needs a trust root to check it",
            ));
        }
        Ok(())
    }

    fn subject(&self) -> Result<Option<SubjectPattern>, PipelineError> {
        let regexp = expression(self.identity_regexp.as_deref())?.map(SubjectPattern::WholeRegexp);
        Ok(self.identity.clone().map(SubjectPattern::Exact).or(regexp))
    }

    fn issuer(&self) -> Result<Option<IssuerPattern>, PipelineError> {
        let regexp = expression(self.issuer_regexp.as_deref())?.map(IssuerPattern::WholeRegexp);
        Ok(self.issuer.clone().map(IssuerPattern::Exact).or(regexp))
    }
}

/// Compiles an expression, so that a mistake in it is told before anything is verified.
fn expression(text: Option<&str>) -> Result<Option<Expression>, PipelineError> {
    let compile = |text: &str| {
        Expression::new(text).map_err(|error| {
            refuse(&format!("`{text}` is not a regular expression that is accepted: {error}"))
        })
    };
    text.map(compile).transpose()
}

/// The question that one signer asks, of an image that claims to be from `repository`.
pub fn requirement(signer: Signer, log: LogRule, repository: Option<Repository>) -> Requirement {
    Requirement {
        repository: repository.map_or(RepositoryRule::Unknown, RepositoryRule::Exact),
        log,
        ..Requirement::signed_by(vec![signer])
    }
}

impl KeyChoice {
    fn pem(&self) -> Result<String, PipelineError> {
        let (pem, name) = match self {
            Self::File(path) => {
                let bytes = files::read_unshared(path, MAX_KEY)?;
                (files::into_text(bytes, path)?, format!("`{}`", path.display()))
            }
            Self::Pem(pem) => (pem.clone(), "the key".to_owned()),
        };
        if pem.contains("PRIVATE KEY-----") {
            return Err(refuse(&format!("{name} is a private key: verifying needs its public key")));
        }
        if !pem.contains("-----BEGIN PUBLIC KEY-----") {
            return Err(refuse(&format!(
                "{name} is not a public key: expected PEM that begins with `-----BEGIN PUBLIC KEY-----`"
            )));
        }
        Ok(pem)
    }
}

fn refuse(message: &str) -> PipelineError {
    PipelineError::Signer(message.to_owned())
}

/// The public instance, as a policy's `sigstore-public` names it.
fn public_root() -> Result<TrustRoot, PipelineError> {
    Ok(TrustRoot {
        name: COMMAND_LINE.parse()?,
        json: String::new(),
        digest: Digest::of(b""),
        source: TrustRootSource::SigstorePublic { max_age: PUBLIC_MAX_AGE },
    })
}

/// A trust root from a file, or each of a folder's files.
fn trust_root(path: &Path) -> Result<TrustRoot, PipelineError> {
    if files::is_unshared_folder(path)? {
        let read = |name: String| {
            let path = path.join(&name);
            let bytes = files::read_unshared(&path, MAX_TRUST_ROOT)?;
            Ok((name, files::into_text(bytes, &path)?))
        };
        let texts: Result<Vec<_>, FileError> = files::documents_in(path)?.into_iter().map(read).collect();
        return TrustRoot::folder(COMMAND_LINE.parse()?, texts?)
            .map_err(|error| FileError::Folder { path: path.to_owned(), why: error.to_string() }.into());
    }
    let bytes = files::read_unshared(path, MAX_TRUST_ROOT)?;
    let json = files::into_text(bytes, path)?;
    let digest = Digest::of(json.as_bytes());
    Ok(TrustRoot { name: COMMAND_LINE.parse()?, json, digest, source: TrustRootSource::File })
}
