//! What must be proved about an image before it may run: the question that the verifier answers.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::time::Duration;

use perry_sandbox_reference::{Digest, Repository};
use serde::Serialize;

use crate::deny_list::DenyList;
use crate::identity::{IssuerPattern, SubjectPattern};
use crate::names::{ImageRuleName, SignerName, TrustRootName};
use crate::predicate::PredicateRule;
use crate::quantity::WallTime;
use crate::trust_folder::TrustDocument;
use crate::window::{Moment, SigningWindow};

/// The whole question: which signers, how many of them, over what, and how old it may be.
///
/// Made by [`decide_requirement`](crate::decide_requirement) from a policy, or by the command line from `--key` or
/// `--certificate-identity` and `--certificate-oidc-issuer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The policy's image rule, or nothing where the signer was given on the command line.
    pub rule: Option<ImageRuleName>,
    /// Which repository a signed reference must name.
    pub repository: RepositoryRule,
    /// If present, only these digests may run, signed or not by others.
    pub digests: Option<BTreeSet<Digest>>,
    /// Signers of whom [`Requirement::at_least`] must have signed; each counts once, whatever it signed twice.
    pub signers: Vec<Signer>,
    /// Those of them who must have signed, whoever else did.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub required: BTreeSet<SignerName>,
    /// How many different signers are needed, those who must have signed among them.
    pub at_least: NonZeroU32,
    /// An attestation that must be there as well.
    pub provenance: Option<ProvenanceRule>,
    /// The oldest signature that counts, by its logged or stamped time; needs a verified time.
    pub max_age: Option<Duration>,
    /// No signature counts that has a verified time before this moment; needs a verified time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_after: Option<Moment>,
    /// Annotations that a signature itself must carry, each exact.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What counts no more, whoever signed it.
    #[serde(skip_serializing_if = "DenyList::is_empty")]
    pub denied: DenyList,
    /// Whether a signature by a managed key needs a transparency log entry.
    pub log: LogRule,
    /// How long it may take from the name to the verdict. What is proved does not depend on it.
    #[serde(skip)]
    pub verify_timeout: Duration,
    /// What is asked as well, for an answer that is told and decides nothing. It has no trial of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<Box<Requirement>>,
}

/// Which repository the signature's own reference (cosign 2's `docker-reference`) must name.
///
/// A cosign 3 bundle signs no reference: the report says that there was nothing to check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RepositoryRule {
    /// Exactly this repository.
    Exact(Repository),
    /// This repository, or one below it by whole path components.
    Within(Repository),
    /// Any repository: the policy says not to compare.
    Any,
    /// Nothing is known to compare with (a layout without `--repository`): reported as not checked.
    Unknown,
}

/// A signer by name, with what proves that it signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The policy's name for it; the command line's signer is called `command-line`.
    pub name: SignerName,
    /// Key or identity.
    pub identity: SignerIdentity,
    /// When it may have signed.
    #[serde(skip_serializing_if = "SigningWindow::is_unbounded")]
    pub window: SigningWindow,
}

impl Signer {
    /// A signer that may have signed at any time.
    pub fn new(name: SignerName, identity: SignerIdentity) -> Self {
        Self { name, identity, window: SigningWindow::default() }
    }
}

/// How a signer is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignerIdentity {
    /// Whoever holds the private half of this key.
    Key {
        /// The public key, PEM (`SubjectPublicKeyInfo`).
        pem: String,
        /// Checks a log entry or a time stamp where there is one; without it neither counts.
        root: Option<TrustRoot>,
    },
    /// Whoever an issuer vouched for, by a short-lived certificate. Issuer and subject are both mandatory by type.
    Keyless {
        /// The OIDC issuer.
        issuer: IssuerPattern,
        /// The certificate's only subject alternative name.
        subject: SubjectPattern,
        /// Further certificate claims, by their names in policy files (`source-repository`, `runner`, …), each exact.
        claims: BTreeMap<String, String>,
        /// Where the certificate authority, logs and time stamp authorities come from.
        root: TrustRoot,
    },
}

/// Sigstore trust material, already read and hash-checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustRoot {
    /// The policy's name, or `command-line` for `--trusted-root`.
    pub name: TrustRootName,
    /// The `trusted_root.json` document itself; empty for [`TrustRootSource::Folder`], which has its own, and for
    /// [`TrustRootSource::SigstorePublic`], which the verifier gets.
    #[serde(skip)]
    pub json: String,
    /// Digest of `json`, or of a folder's list.
    pub digest: Digest,
    /// Where it came from.
    pub source: TrustRootSource,
}

/// Where trust material comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustRootSource {
    /// A pinned file.
    File,
    /// The files of a pinned folder, in the order of their names. A signature must hold wholly within one of them.
    Folder {
        /// The documents.
        documents: Vec<TrustDocument>,
    },
    /// The public-good instance, refreshed through TUF and refused when older than this.
    SigstorePublic {
        /// The greatest age of the material.
        max_age: Duration,
    },
}

/// An attestation that must exist: of this predicate type, signed by one of these signers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProvenanceRule {
    /// The in-toto predicate type, compared exactly.
    pub predicate: String,
    /// Any one of these.
    pub by: Vec<Signer>,
    /// What the predicate must say.
    #[serde(skip_serializing_if = "PredicateRule::is_empty")]
    pub says: PredicateRule,
}

/// Whether a managed key's signature needs an entry in a transparency log. Keyless signatures always need a verified time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogRule {
    /// An entry is checked when there is one and a trust root to check it with.
    Optional,
    /// Without a verified entry the signature does not count.
    Required,
}

impl Requirement {
    /// The least that can be required: a signature by one of these, with nothing known about the repository.
    pub fn signed_by(signers: Vec<Signer>) -> Self {
        Self {
            rule: None,
            repository: RepositoryRule::Unknown,
            digests: None,
            signers,
            required: BTreeSet::new(),
            at_least: NonZeroU32::MIN,
            provenance: None,
            max_age: None,
            signed_after: None,
            annotations: BTreeMap::new(),
            denied: DenyList::default(),
            log: LogRule::Optional,
            verify_timeout: WallTime::VERIFY_TIMEOUT.duration(),
            trial: None,
        }
    }

    /// The digest that evidence cites: over the JSON form, whose maps and sets are ordered.
    pub fn digest(&self) -> Digest {
        // Serialising plain data into memory cannot fail; if it did, the digest of nothing matches no requirement.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Every trust root in it, those of attesters too.
    pub fn roots(&self) -> impl Iterator<Item = &TrustRoot> {
        let by = self.provenance.iter().flat_map(|rule| &rule.by);
        self.signers.iter().chain(by).filter_map(|signer| match &signer.identity {
            SignerIdentity::Key { root, .. } => root.as_ref(),
            SignerIdentity::Keyless { root, .. } => Some(root),
        })
    }

    /// As [`Requirement::roots`], to put the public instance's keys in.
    pub fn roots_mut(&mut self) -> impl Iterator<Item = &mut TrustRoot> {
        let by = self.provenance.iter_mut().flat_map(|rule| &mut rule.by);
        self.signers.iter_mut().chain(by).filter_map(|signer| match &mut signer.identity {
            SignerIdentity::Key { root, .. } => root.as_mut(),
            SignerIdentity::Keyless { root, .. } => Some(root),
        })
    }
}
