//! A bundle by itself, over an artifact that is not an image: `verify --bundle FILE`.

use perry_sandbox_policy::{Requirement, VerifiedSignature};
use perry_sandbox_reference::{Algorithm, Digest, Hasher};
use serde::Serialize;
use sigstore_verify::types::Artifact;

use crate::budget::Clock;
use crate::check::{PreparedSigner, Rules};
use crate::codes::Code;
use crate::denial::{CandidateReport, Denial, Reason};
use crate::finding::Finding;
use crate::parsed::{self, Content, Parsed};
use crate::verify::digest_artifact;
use crate::{core, quorum, statement};

/// What a bundle is about.
#[derive(Debug, Clone, Copy)]
pub enum Signed<'a> {
    /// The content itself.
    Bytes(&'a [u8]),
    /// Its digest. Ed25519 signatures over bare bytes cannot be checked with a digest alone.
    Digest(&'a Digest),
}

/// What was proved about a bundle. It says nothing about any image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BundleEvidence {
    /// The digest that was signed.
    pub artifact: Digest,
    /// The bundle.
    pub bundle: Digest,
    /// The in-toto predicate type; `None` for a signature over bare bytes.
    pub predicate: Option<String>,
    /// Every signer that it counts for.
    pub signatures: Vec<VerifiedSignature>,
    /// Digest of the requirement that was met.
    pub requirement: Digest,
    /// When it was verified, seconds since 1970.
    pub verified_at: i64,
    /// What nobody asked to be checked, in sentences for people.
    pub not_checked: Vec<String>,
}

/// Verifies a Sigstore bundle over an artifact. Signatures over bare bytes and statements of any predicate type are
/// accepted here; neither makes a [`VerifiedImage`](crate::VerifiedImage).
///
/// # Errors
/// A [`Denial`] with every reason.
pub fn verify_bundle(
    bundle: &[u8],
    signed: Signed<'_>,
    requirement: &Requirement,
    clock: Clock,
) -> Result<BundleEvidence, Denial> {
    let digests = match signed {
        Signed::Digest(digest) => vec![digest.clone()],
        Signed::Bytes(bytes) => vec![Digest::of(bytes), sha512(bytes)],
    };
    let subject = digests.first().map(ToString::to_string).unwrap_or_default();
    let mut report = CandidateReport {
        object: Digest::of(bundle),
        place: format!("bundle {}", Digest::of(bundle)),
        counts_for: Vec::new(),
        reasons: Vec::new(),
    };
    let mut evidence = BundleEvidence {
        artifact: digests.first().cloned().unwrap_or_else(|| Digest::of(bundle)),
        bundle: Digest::of(bundle),
        predicate: None,
        signatures: Vec::new(),
        requirement: requirement.digest(),
        verified_at: clock.now.as_second(),
        not_checked: Vec::new(),
    };
    match core::guarded(|| read(bundle, &digests)) {
        Err(finding) => report.reasons.push(Reason { signer: None, finding }),
        Ok((parsed, digest)) => {
            if let Content::Statement { facts } = &parsed.content {
                evidence.predicate = Some(facts.predicate.clone());
            }
            evidence.artifact = digest;
            weigh(&parsed, signed, requirement, clock, &mut evidence, &mut report);
        }
    }
    let reasons = unmet(requirement, &digests, &evidence.signatures);
    if reasons.is_empty() {
        return Ok(evidence);
    }
    Err(Denial::new(subject, "the bundle given".to_owned(), reasons, vec![report]))
}

/// What of the requirement is not met.
fn unmet(requirement: &Requirement, digests: &[Digest], signatures: &[VerifiedSignature]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(listed) = &requirement.digests
        && !digests.iter().any(|digest| listed.contains(digest))
    {
        let listed = listed.iter().map(Digest::as_str).collect::<Vec<_>>().join(" or ");
        reasons.push(Reason {
            signer: None,
            finding: Finding::new(Code::QuorumDigest, statement::list(digests), listed),
        });
    }
    let signers = requirement.who_signed(signatures);
    if requirement.signers.is_empty() {
        reasons
            .push(Reason { signer: None, finding: Finding::new(Code::QuorumEmpty, "no signer", "a signer") });
    } else if !requirement.quorum_is_met(&signers) {
        reasons.extend(quorum::unmet(requirement, &signers));
    }
    if let Some(entry) = requirement.denied.image(digests) {
        let found = format!("{}: {}", entry.what, entry.reason);
        let finding = Finding::new(Code::DenyImage, found, "something that is not denied");
        reasons.push(Reason { signer: None, finding });
    }
    if requirement.provenance.is_some() {
        let finding =
            Finding::new(Code::ProvenanceMissing, "one bundle only", "an image with its attestations");
        reasons.push(Reason { signer: None, finding });
    }
    reasons
}

fn sha512(bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(bytes);
    hasher.finish()
}

/// Reads the bundle and finds which of the artifact's digests it is about.
fn read(bundle: &[u8], digests: &[Digest]) -> Result<(Parsed, Digest), Finding> {
    let parsed = parsed::bundle(bundle)?;
    let digest = match &parsed.content {
        Content::Statement { facts } => Some(facts.about(digests)?),
        Content::Simple { .. } | Content::Message => digests.first(),
    };
    let digest = digest.cloned().ok_or_else(|| Finding::new(Code::BindSubject, "nothing", "an artifact"))?;
    Ok((parsed, digest))
}

fn weigh(
    parsed: &Parsed,
    signed: Signed<'_>,
    requirement: &Requirement,
    clock: Clock,
    evidence: &mut BundleEvidence,
    report: &mut CandidateReport,
) {
    let artifact = match signed {
        Signed::Bytes(bytes) => Artifact::Blob(bytes),
        Signed::Digest(digest) => digest_artifact(digest),
    };
    let rules = Rules { now: clock.now, requirement };
    for signer in &requirement.signers {
        let checked = clock.check().and_then(|()| {
            core::guarded(|| PreparedSigner::read(signer, requirement.log)?.check(parsed, &artifact, rules))
        });
        match checked {
            Err(finding) => report.reasons.push(Reason { signer: Some(signer.name.clone()), finding }),
            Ok(proof) => {
                report.counts_for.push(signer.name.clone());
                evidence.not_checked.extend(proof.note.map(str::to_owned));
                evidence.signatures.push(VerifiedSignature {
                    signer: signer.name.clone(),
                    signed: evidence.artifact.clone(),
                    format: parsed.format,
                    object: evidence.bundle.clone(),
                    by: proof.by,
                    claims: proof.claims,
                    authority: proof.authority,
                    times: proof.times,
                    log: proof.log,
                    root: proof.root,
                    signed_reference: None,
                    serial: proof.certificate.map(|(serial, _)| serial),
                    build: parsed.build(),
                });
            }
        }
    }
}
