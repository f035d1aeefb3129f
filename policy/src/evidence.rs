//! What was proved about an image: plain data, made by the verifier, read by [`decide`](crate::decide()) and the trail.

use std::collections::BTreeSet;
use std::fmt;

use perry_sandbox_reference::{Digest, Platform, Repository};
use serde::{Deserialize, Serialize};

use crate::names::{ImageRuleName, SignerName, TrustRootName};

/// The record of one successful verification.
///
/// Holding one proves nothing (it is data); the proof is the verifier's `VerifiedImage`, whose evidence the runner
/// compares with the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evidence {
    /// The digest that was asked for: an index or a manifest.
    pub top: Digest,
    /// The platform manifest that runs; equal to `top` when that is a manifest.
    pub manifest: Digest,
    /// The configuration of that manifest; docker runs by this digest.
    pub config: Digest,
    /// The platform of the manifest.
    pub platform: Platform,
    /// From the top to the manifest, both included: each one is listed in the verified bytes of the one before.
    pub path: Vec<Digest>,
    /// Where the image was read from, if that has a name.
    pub repository: Option<Repository>,
    /// The image rule that asked.
    pub rule: Option<ImageRuleName>,
    /// Every signature that counted, in the order of signer and digest.
    pub signatures: Vec<VerifiedSignature>,
    /// The attestation that satisfied the provenance rule.
    pub provenance: Option<VerifiedSignature>,
    /// Digest of the requirement that was met.
    pub requirement: Digest,
    /// When it was verified, seconds since 1970.
    pub verified_at: i64,
    /// What nobody asked to be checked, or what could not be compared, in sentences for people.
    pub not_checked: Vec<String>,
    /// What the trial of the image rule says, where it has one. It decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
}

/// What came of a requirement that is only tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trial {
    /// The answer.
    pub outcome: TrialOutcome,
    /// Why it is no yes.
    pub reasons: Vec<TrialReason>,
}

/// The answer to a requirement that is only tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrialOutcome {
    /// The image would be accepted.
    Met,
    /// The image would be refused.
    NotMet,
    /// Something could not be read, so nothing can be said.
    Unknown,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrialReason {
    /// The verifier's permanent code.
    pub code: String,
    /// What is wrong, in one line.
    pub text: String,
}

impl Trial {
    /// The answer in a sentence.
    pub fn sentence(&self) -> String {
        let said = match self.outcome {
            TrialOutcome::Met => return "the trial of the image rule accepts this image".to_owned(),
            TrialOutcome::NotMet => "the trial of the image rule would refuse this image",
            TrialOutcome::Unknown => "the trial of the image rule came to no answer",
        };
        let reasons: Vec<_> = self.reasons.iter().map(|it| format!("{}: {}", it.code, it.text)).collect();
        format!("{said}: {}", reasons.join("; "))
    }

    /// What is to be said unasked: nothing where the image would be accepted.
    pub fn warning(&self) -> Option<String> {
        (self.outcome != TrialOutcome::Met).then(|| self.sentence())
    }
}

impl Evidence {
    /// The names of all signers whose signature counted.
    pub fn signers(&self) -> BTreeSet<SignerName> {
        self.signatures.iter().map(|signature| signature.signer.clone()).collect()
    }
}

/// One signature that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerifiedSignature {
    /// The signer it counts for.
    pub signer: SignerName,
    /// What was signed: a digest on the path of the evidence.
    pub signed: Digest,
    /// How it was stored.
    pub format: SignatureFormat,
    /// The object that carries it (layer or bundle blob).
    pub object: Digest,
    /// Whose it is.
    pub by: VerifiedIdentity,
    /// The claims that the signer must have, each of which the certificate was found to have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// The certificate authority that vouched for the identity, where one did and the trust root names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
    /// Every verified time.
    pub times: Vec<VerifiedTime>,
    /// The transparency log entry, where one was verified.
    pub log: Option<LogEntry>,
    /// The trust root that it was checked against.
    pub root: Option<(TrustRootName, Digest)>,
    /// The repository that the signature itself names.
    pub signed_reference: Option<String>,
    /// The certificate's serial number, lower-case hex, where a certificate was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// What provenance says about the build, where it is provenance of a known form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildFacts>,
}

/// What SLSA provenance says about a build; each is the attestation's own word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BuildFacts {
    /// The builder's id.
    pub builder: Option<String>,
    /// The source repository, without `git+` and without a ref.
    pub source: Option<String>,
    /// The source's ref.
    pub source_ref: Option<String>,
    /// The build type.
    pub build_type: Option<String>,
}

/// The storage form of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureFormat {
    /// cosign 2: a simple-signing payload with annotations.
    SimpleSigning,
    /// cosign 3: a Sigstore bundle with a DSSE statement.
    Bundle,
}

/// Whose signature it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifiedIdentity {
    /// A managed key, by the SHA-256 digest of its DER form.
    Key {
        /// `sha256:…` of the `SubjectPublicKeyInfo`.
        fingerprint: Digest,
    },
    /// A certificate's issuer and subject.
    Keyless {
        /// The OIDC issuer.
        issuer: String,
        /// The subject alternative name.
        subject: String,
    },
}

/// A time that somebody trusted vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerifiedTime {
    /// Who says so.
    pub source: TimeSource,
    /// Seconds since 1970.
    pub at: i64,
    /// The time stamp authority, where it was one and the trust root names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Authority>,
}

impl VerifiedTime {
    /// A time of a source that is not named.
    pub const fn new(source: TimeSource, at: i64) -> Self {
        Self { source, at, authority: None }
    }
}

/// What a certificate says about its holder, by the name that policies have for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Claim {
    /// The name in a signer's `claims`.
    pub name: String,
    /// All of the value.
    pub value: String,
}

/// A certificate or time stamp authority, as the trust root that was checked against names it. Text that would not fit
/// a line is escaped and shortened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Authority {
    /// The organisation of its subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The common name of its subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub common_name: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.organization.iter().chain(&self.common_name).map(String::as_str).collect();
        match (names.is_empty(), &self.uri) {
            (true, uri) => f.write_str(uri.as_deref().unwrap_or("one without a name")),
            (false, None) => f.write_str(&names.join(", ")),
            (false, Some(uri)) => write!(f, "{} ({uri})", names.join(", ")),
        }
    }
}

/// Who vouches for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// A transparency log, by its signed entry timestamp.
    Log,
    /// An RFC 3161 time stamp authority.
    TimestampAuthority,
}

/// A verified entry of a transparency log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogEntry {
    /// The log's key id, hex.
    pub log_id: String,
    /// The entry's index.
    pub index: u64,
    /// The log's address, as the trust root that was checked against names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
