//! The one public verb: requirement and content in, a verified image or a denial out.

use std::collections::BTreeSet;
use std::mem;

use perry_sandbox_image::{ResolvedImage, Source};
use perry_sandbox_policy::{Evidence, RepositoryRule, Requirement, Signer, VerifiedSignature};
use perry_sandbox_reference::{Algorithm, Digest};
use sigstore_verify::types::{Artifact, ArtifactDigest, HashAlgorithm};

use crate::budget::{Clock, Reader, Within};
use crate::check::{PreparedSigner, Rules};
use crate::codes::Code;
use crate::denial::{CandidateReport, Denial, Reason};
use crate::discover::{Candidate, Found};
use crate::finding::Finding;
use crate::image::VerifiedImage;
use crate::named::Ahead;
use crate::parsed::{Content, Parsed, Purpose};
use crate::{core, quorum, statement};

/// Verifies an image: finds what claims to sign it, checks every candidate against every signer, and decides once.
///
/// The digests on the image's path (an index and the child that runs) count as signed each by itself: a signature
/// over the index covers the child, because the child stands in that very index's bytes. A requirement's trial is left to
/// [`Verifier`](crate::Verifier).
///
/// # Errors
/// A [`Denial`] with every reason. Its class tells a "no" from a world that broke; neither is an approval.
pub fn verify(
    source: &dyn Source,
    image: &ResolvedImage,
    requirement: &Requirement,
    clock: Clock,
) -> Result<VerifiedImage, Denial> {
    verify_with(source, image, requirement, clock, None)
}

/// As [`verify`], with what was found already.
pub(crate) fn verify_with<'a>(
    source: &'a dyn Source,
    image: &ResolvedImage,
    requirement: &Requirement,
    clock: Clock,
    ahead: Option<Ahead<'a>>,
) -> Result<VerifiedImage, Denial> {
    let _within = Within::new(source, clock);
    let mut run = Run::new(source.describe(), image, requirement, clock);
    run.check_content();
    run.check_digests();
    run.check_deny_list();
    let signers = Prepared {
        signers: run.prepare(&requirement.signers),
        attesters: run.prepare(requirement.provenance.as_ref().map_or(&[], |rule| &rule.by)),
    };
    if signers.signers.is_empty() || run.is_denied() {
        // Nobody could sign, or no signature would help: nothing is fetched.
        return Err(run.deny());
    }
    let path = run.path.clone();
    let (top, below) = path.split_at_checked(1).unwrap_or((&path, &[]));
    let mut ahead = ahead.unwrap_or_else(|| Ahead::look(source, top, requirement, clock));
    run.take(mem::take(&mut ahead.found), &mut ahead, &signers);
    // What is signed at the top covers what lies below; the places there are asked only if that is not enough.
    if !below.is_empty() && !run.is_met() {
        let found = ahead.discovery.look_at(&mut ahead.reader, below);
        run.take(found, &mut ahead, &signers);
    }
    // Where a place could not be read, nobody knows whether there was a signature.
    if run.reports.is_empty() && !run.reasons.iter().any(|it| it.finding.failure) {
        run.refuse(Code::FindNone, "neither signature nor bundle", "a signature of this digest");
    }
    run.decide()
}

/// Everybody who may sign or attest, ready to be checked against.
struct Prepared<'a> {
    signers: Vec<PreparedSigner<'a>>,
    attesters: Vec<PreparedSigner<'a>>,
}

/// One verification under way.
struct Run<'a> {
    place: String,
    image: &'a ResolvedImage,
    requirement: &'a Requirement,
    clock: Clock,
    path: Vec<Digest>,
    refused: bool,
    reasons: Vec<Reason>,
    reports: Vec<CandidateReport>,
    attestations: usize,
    signatures: Vec<VerifiedSignature>,
    provenance: Vec<VerifiedSignature>,
    notes: BTreeSet<String>,
}

fn for_all(finding: Finding) -> Reason {
    Reason { signer: None, finding }
}

impl<'a> Run<'a> {
    fn new(place: String, image: &'a ResolvedImage, requirement: &'a Requirement, clock: Clock) -> Self {
        Self {
            place,
            image,
            requirement,
            clock,
            path: image.path().iter().map(|it| it.digest.clone()).collect(),
            refused: false,
            reasons: Vec::new(),
            reports: Vec::new(),
            attestations: 0,
            signatures: Vec::new(),
            provenance: Vec::new(),
            notes: BTreeSet::new(),
        }
    }

    /// A reason that no signature can outweigh or that explains why there is none.
    fn refuse(&mut self, code: Code, found: impl AsRef<str>, expected: impl AsRef<str>) {
        self.reasons.push(for_all(Finding::new(code, found, expected)));
    }

    /// What was resolved must be what its digests name, whatever source handed it over.
    fn check_content(&mut self) {
        let image = self.image;
        for (descriptor, bytes) in image.path_bytes() {
            if !descriptor.digest.matches(bytes) {
                self.refused = true;
                let found = Digest::of(bytes).to_string();
                self.refuse(Code::FindRefused, found, descriptor.digest.as_str());
            }
        }
    }

    fn check_digests(&mut self) {
        let Some(listed) = &self.requirement.digests else { return };
        if !self.path.iter().any(|digest| listed.contains(digest)) {
            self.refused = true;
            let found = statement::list(&self.path);
            let listed = listed.iter().map(Digest::as_str).collect::<Vec<_>>().join(" or ");
            self.refuse(Code::QuorumDigest, found, listed);
        }
    }

    /// Whether the deny list names the image itself.
    fn is_denied(&self) -> bool {
        self.reasons.iter().any(|reason| reason.finding.code == Code::DenyImage)
    }

    fn check_deny_list(&mut self) {
        let digests = self.path.iter().chain([self.image.config_digest()]);
        let Some(entry) = self.requirement.denied.image(digests) else { return };
        self.refused = true;
        self.refuse(
            Code::DenyImage,
            format!("{}: {}", entry.what, entry.reason),
            "an image that is not denied",
        );
    }

    /// Reads the signers' keys and roots; one that cannot be read cannot sign.
    fn prepare(&mut self, signers: &'a [Signer]) -> Vec<PreparedSigner<'a>> {
        let mut ready = Vec::new();
        for signer in signers {
            match core::guarded(|| PreparedSigner::read(signer, self.requirement.log)) {
                Ok(signer) => ready.push(signer),
                Err(finding) => self.reasons.push(Reason { signer: Some(signer.name.clone()), finding }),
            }
        }
        ready
    }

    /// Examines what was found, and then what was left for later if that is not enough.
    fn take(&mut self, found: Found, ahead: &mut Ahead<'_>, signers: &Prepared<'_>) {
        let later = found.later;
        self.reasons.extend(found.problems.into_iter().map(for_all));
        self.examine_all(&found.candidates, &mut ahead.reader, signers);
        if !later.is_empty() && !self.is_met() {
            let found = ahead.discovery.look_at_tags(&mut ahead.reader, later);
            self.take(found, ahead, signers);
        }
    }

    fn examine_all(&mut self, candidates: &[Candidate], reader: &mut Reader<'_>, signers: &Prepared<'_>) {
        let path = self.path.clone();
        for some in candidates.chunks(reader.at_once()) {
            let wanted: Vec<_> = some.iter().filter_map(|it| it.wanted(&path)).collect();
            let mut fetched = reader.blobs(&wanted).into_iter();
            for candidate in some {
                let fetched = candidate.wanted(&path).and_then(|_| fetched.next());
                self.examine(candidate, fetched, signers);
            }
        }
    }

    fn examine(
        &mut self,
        candidate: &Candidate,
        fetched: Option<Result<Vec<u8>, Finding>>,
        signers: &Prepared<'_>,
    ) {
        let mut report = CandidateReport {
            object: candidate.layer.digest.clone(),
            place: candidate.place.clone(),
            counts_for: Vec::new(),
            reasons: Vec::new(),
        };
        match core::guarded(|| candidate.read(&self.path, fetched)) {
            Err(finding) => report.reasons.push(for_all(finding)),
            Ok(parsed) => {
                let wanted = self.requirement.provenance.as_ref();
                let (purpose, signers) = match wanted.filter(|_| parsed.is_attestation()) {
                    Some(rule) => (Purpose::Attestation(rule), &signers.attesters),
                    None => (Purpose::Signature, &signers.signers),
                };
                self.weigh(&parsed, purpose, signers, &mut report);
                self.attestations = self.attestations.saturating_add(usize::from(parsed.is_attestation()));
            }
        }
        self.reports.push(report);
    }

    /// One candidate against all signers of its kind.
    fn weigh(
        &mut self,
        parsed: &Parsed,
        purpose: Purpose<'_>,
        signers: &[PreparedSigner<'_>],
        report: &mut CandidateReport,
    ) {
        let signed = match parsed.binds(purpose, &self.path, self.requirement) {
            Ok(digest) => digest.clone(),
            Err(finding) => return report.reasons.push(for_all(finding)),
        };
        let rules = Rules { now: self.clock.now, requirement: self.requirement };
        for signer in signers {
            let name = &signer.signer.name;
            let checked = self.clock.check().and_then(|()| {
                let artifact = artifact(parsed, &signed);
                core::guarded(|| signer.check(parsed, &artifact, rules))
            });
            let proof = match checked {
                Ok(proof) => proof,
                Err(finding) => {
                    report.reasons.push(Reason { signer: Some(name.clone()), finding });
                    continue;
                }
            };
            self.notes.extend(proof.note.map(str::to_owned));
            if matches!(purpose, Purpose::Signature) {
                self.notes.extend(unchecked_repository(parsed, &self.requirement.repository));
            }
            report.counts_for.push(name.clone());
            let signature = VerifiedSignature {
                signer: name.clone(),
                signed: signed.clone(),
                format: parsed.format,
                object: report.object.clone(),
                by: proof.by,
                claims: proof.claims,
                authority: proof.authority,
                times: proof.times,
                log: proof.log,
                root: proof.root,
                signed_reference: parsed.signed_reference(),
                serial: proof.certificate.map(|(serial, _)| serial),
                build: parsed.build(),
            };
            match purpose {
                Purpose::Signature => self.signatures.push(signature),
                Purpose::Attestation(_) => self.provenance.push(signature),
            }
        }
    }

    /// Whether what was found so far is what is required.
    fn is_met(&self) -> bool {
        let signed = self.requirement.who_signed(&self.signatures);
        let met = self.requirement.quorum_is_met(&signed) && !self.requirement.signers.is_empty();
        met && (self.requirement.provenance.is_none() || !self.provenance.is_empty())
    }

    /// The one decision, over everything that was found.
    fn decide(mut self) -> Result<VerifiedImage, Denial> {
        let order = |it: &VerifiedSignature| (it.signer.clone(), it.signed.clone(), it.object.clone());
        self.signatures.sort_by_key(order);
        self.provenance.sort_by_key(order);
        if !self.is_met() || self.refused {
            return Err(self.deny());
        }
        let evidence = Evidence {
            top: self.image.top().clone(),
            manifest: self.image.manifest_digest().clone(),
            config: self.image.config_digest().clone(),
            platform: self.image.platform().clone(),
            path: self.path,
            repository: self.image.repository().cloned(),
            rule: self.requirement.rule.clone(),
            signatures: self.signatures,
            provenance: self.provenance.into_iter().next(),
            requirement: self.requirement.digest(),
            verified_at: self.clock.now.as_second(),
            not_checked: self.notes.into_iter().collect(),
            trial: None,
        };
        Ok(VerifiedImage::new(self.image.clone(), evidence))
    }

    fn deny(mut self) -> Denial {
        let requirement = self.requirement;
        let signed = requirement.who_signed(&self.signatures);
        if let Some(rule) = requirement.provenance.as_ref().filter(|_| self.provenance.is_empty()) {
            let by = rule.by.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(" or ");
            self.refuse(Code::ProvenanceMissing, "none", format!("{} signed by {by}", rule.predicate));
        }
        if requirement.signers.is_empty() {
            self.refuse(Code::QuorumEmpty, "no signer", "at least one signer");
        } else if !requirement.quorum_is_met(&signed) {
            if self.attestations > 0 && self.attestations == self.reports.len() {
                let found = format!("attestations: {}", self.attestations);
                self.refuse(Code::FindOnlyAttestations, found, "a signature");
            }
            self.reasons.extend(quorum::unmet(requirement, &signed));
        }
        Denial::new(self.image.top().to_string(), self.place, self.reasons, self.reports)
    }
}

/// What the core compares the signature with.
fn artifact<'a>(parsed: &'a Parsed, signed: &Digest) -> Artifact<'a> {
    match &parsed.content {
        Content::Simple { payload, .. } => Artifact::Blob(payload),
        Content::Statement { .. } | Content::Message => digest_artifact(signed),
    }
}

/// A digest in the core's form.
pub(crate) fn digest_artifact(digest: &Digest) -> Artifact<'static> {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => HashAlgorithm::Sha2256,
        Algorithm::Sha512 => HashAlgorithm::Sha2512,
    };
    let bytes: Vec<u8> = digest
        .hex()
        .as_bytes()
        .chunks(2)
        .filter_map(|pair| std::str::from_utf8(pair).ok().and_then(|text| u8::from_str_radix(text, 16).ok()))
        .collect();
    // A digest has the right length by its type; bytes of no content match nothing.
    ArtifactDigest::new(algorithm, bytes).map_or(Artifact::Blob(&[]), Artifact::Digest)
}

/// What could not be compared about the repository.
fn unchecked_repository(parsed: &Parsed, rule: &RepositoryRule) -> Option<String> {
    match (parsed.signed_reference(), rule) {
        (Some(signed), RepositoryRule::Unknown) => Some(format!(
            "the signature was made for {}; there was no repository to compare that with",
            crate::finding::shown(&signed)
        )),
        (None, _) => {
            Some("a cosign 3 bundle signs a digest, not a repository: nothing to compare".to_owned())
        }
        (Some(signed), RepositoryRule::Any) => Some(format!(
            "the signature was made for {}; the policy says not to compare that",
            crate::finding::shown(&signed)
        )),
        (Some(_), RepositoryRule::Exact(_) | RepositoryRule::Within(_)) => None,
    }
}
