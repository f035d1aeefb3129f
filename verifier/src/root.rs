//! Trust roots, prepared: the windows that the core holds authorities to are narrowed to what their own
//! certificates say.

use jiff::Timestamp;
use perry_sandbox_image::json::{MAX_DEPTH, parse_strict};
use perry_sandbox_policy::{TrustDocument, TrustRoot, TrustRootName, TrustRootSource};
use perry_sandbox_reference::Digest;
use sigstore_verify::Verifier;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::TimeRange;
use x509_cert::Certificate;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage};

use crate::codes::Code;
use crate::finding::Finding;
use crate::limits::MAX_ROOT;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.trustedroot";

/// A trust root that is ready to check with.
pub(crate) struct PreparedRoot {
    /// Its name and digest, for the evidence.
    pub(crate) identity: (TrustRootName, Digest),
    /// The keys and windows, narrowed.
    pub(crate) material: TrustedRoot,
    /// The core, built from them.
    pub(crate) verifier: Verifier,
}

impl PreparedRoot {
    /// Reads and narrows a trust root: each document of a folder, or the only one. One that cannot be used spoils all.
    pub(crate) fn read(root: &TrustRoot) -> Result<Vec<Self>, Finding> {
        let TrustRootSource::Folder { documents } = &root.source else {
            return Self::read_one(root).map(|read| vec![read]);
        };
        if !root.is_whole() || documents.is_empty() {
            return Err(Finding::new(Code::RootDigest, "another list of documents", root.digest.as_str()));
        }
        let identity = || (root.name.clone(), root.digest.clone());
        let read = |it: &TrustDocument| {
            Self::prepare(&it.json, identity()).map_err(|finding| {
                Finding::new(finding.code, format!("in `{}`: {}", it.name, finding.found), finding.expected)
            })
        };
        documents.iter().map(read).collect()
    }

    fn read_one(root: &TrustRoot) -> Result<Self, Finding> {
        if root.json.is_empty() {
            let found = match root.source {
                TrustRootSource::SigstorePublic { .. } => {
                    "the public Sigstore instance, whose keys are not at hand"
                }
                TrustRootSource::File | TrustRootSource::Folder { .. } => "an empty file",
            };
            return Err(Finding::new(Code::RootMissing, found, format!("the keys of `{}`", root.name)));
        }
        let digest = Digest::of(root.json.as_bytes());
        if !root.is_whole() {
            return Err(Finding::new(Code::RootDigest, digest.as_str(), root.digest.as_str()));
        }
        Self::prepare(&root.json, (root.name.clone(), digest))
    }

    fn prepare(json: &str, identity: (TrustRootName, Digest)) -> Result<Self, Finding> {
        if json.len() > MAX_ROOT {
            let found = format!("{} bytes", json.len());
            return Err(Finding::new(Code::RootMalformed, found, format!("at most {MAX_ROOT} bytes")));
        }
        let mut material = parse(json)?;
        narrow(&mut material);
        let verifier = Verifier::new(&material).map_err(|error| malformed(&error.to_string()))?;
        Ok(Self { identity, material, verifier })
    }
}

fn parse(json: &str) -> Result<TrustedRoot, Finding> {
    parse_strict(json.as_bytes(), MAX_DEPTH).map_err(|error| malformed(&error.to_string()))?;
    let material = TrustedRoot::from_json(json).map_err(|error| malformed(&error.to_string()))?;
    if !material.media_type.starts_with(MEDIA_TYPE) {
        return Err(malformed(&format!("the media type `{}`", material.media_type)));
    }
    Ok(material)
}

fn malformed(found: &str) -> Finding {
    Finding::new(Code::RootMalformed, found, "a Sigstore trusted root in JSON")
}

/// Narrows every authority's window to the validity of every certificate in its chain, and takes out the
/// authorities of which nothing is left or whose certificates may not sign others.
// SECURITY: the core takes each certificate of the trust root as an anchor without looking at its dates or usage, so
// an intermediate or root that expired before signing would still vouch (CVE-2026-24122).
fn narrow(material: &mut TrustedRoot) {
    material.certificate_authorities.retain_mut(|ca| {
        let chain = ca.cert_chain.certificates.iter().map(|it| it.raw_bytes.as_bytes());
        ca.valid_for = window(ca.valid_for, chain.clone()).filter(|_| chain.clone().all(may_certify));
        ca.valid_for.is_some()
    });
    material.timestamp_authorities.retain_mut(|tsa| {
        let chain = tsa.cert_chain.certificates.iter().map(|it| it.raw_bytes.as_bytes());
        // The first one signs time stamps, not certificates.
        let above = chain.clone().skip(1);
        tsa.valid_for = window(tsa.valid_for, chain).filter(|_| above.clone().all(may_certify));
        tsa.valid_for.is_some()
    });
}

/// Whether a certificate is an authority's: it says so, and its key usage, if it has one, allows it.
fn may_certify(der: &[u8]) -> bool {
    let Ok(certificate) = Certificate::from_der(der) else { return false };
    let tbs = certificate.tbs_certificate;
    let authority = tbs.get::<BasicConstraints>().is_ok_and(|it| it.is_some_and(|(_, it)| it.ca));
    authority && tbs.get::<KeyUsage>().is_ok_and(|it| it.is_none_or(|(_, it)| it.key_cert_sign()))
}

/// The time in which all of a chain is valid; `None` if that is never.
fn window<'a>(given: Option<TimeRange>, chain: impl Iterator<Item = &'a [u8]>) -> Option<TimeRange> {
    let mut start = given.map_or(Timestamp::MIN, |range| range.start);
    let mut end = given.and_then(|range| range.end);
    let mut any = false;
    for der in chain {
        any = true;
        let validity = Certificate::from_der(der).ok()?.tbs_certificate.validity;
        let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).ok();
        start = start.max(Timestamp::from_second(seconds(validity.not_before)?).ok()?);
        // 9999-12-31, "no end", lies past the last time that can be counted.
        let until = Timestamp::from_second(seconds(validity.not_after)?).unwrap_or(Timestamp::MAX);
        end = Some(end.map_or(until, |end| end.min(until)));
    }
    (any && end.is_none_or(|end| start <= end)).then_some(TimeRange { start, end })
}

impl std::fmt::Debug for PreparedRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedRoot").field("identity", &self.identity).finish_non_exhaustive()
    }
}
