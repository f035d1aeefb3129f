//! The verb with a memory.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perry_sandbox_image::{ResolvedImage, Source};
use perry_sandbox_policy::{Requirement, TrialOutcome, TrustRoot, TrustRootSource};
use perry_sandbox_reference::Digest;

use super::disk::{CacheError, Disk};
use super::flight::{Flight, Landing, Leader};
use super::limits::{CacheCounts, CacheLimits, Counters};
use super::memory::{Found, Kept, Memory, Question, TopQuestion};
use super::validity::span;
use crate::budget::{Clock, Within};
use crate::codes::Code;
use crate::core::guarded;
use crate::denial::{Denial, DenialClass, Reason};
use crate::finding::Finding;
use crate::image::VerifiedImage;
use crate::named::{Ahead, Named, Unverified};
use crate::roots::{AtHand, Material, PublicRoot};
use crate::trial;
use crate::verify::verify_with;

/// How often a caller waits for somebody else's check before it checks by itself.
const WAITS: usize = 2;

/// [`verify()`](crate::verify()) with a memory, for as many threads as like.
///
/// What it gives is always a proof that the verifier made. Many threads that ask the same cause one check; if that
/// one could not be brought to an end, the others check by themselves.
#[derive(Debug)]
pub struct Verifier {
    limits: CacheLimits,
    memory: Mutex<Memory>,
    disk: Option<Disk>,
    public_root: Option<PublicRoot>,
    counters: Counters,
}

impl Verifier {
    /// A verifier that remembers in memory.
    pub fn new(limits: CacheLimits) -> Self {
        let memory = Mutex::new(Memory::new(limits.clone()));
        Self { limits, memory, disk: None, public_root: None, counters: Counters::default() }
    }

    /// Remembers proofs in this folder too, sealed by a key of this installation. The folder is made where it is
    /// missing; several processes may use it at once.
    ///
    /// # Errors
    /// [`CacheError`]: the folder cannot be used, or is not private.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self, CacheError> {
        self.disk = Some(Disk::open(folder)?);
        Ok(self)
    }

    /// Signers of a policy's `sigstore-public` root are checked with this. Without it none of them can have signed.
    #[must_use]
    pub fn with_public_root(mut self, root: PublicRoot) -> Self {
        self.public_root = Some(root);
        self
    }

    /// The public root that was given.
    pub fn public_root(&self) -> Option<&PublicRoot> {
        self.public_root.as_ref()
    }

    /// Verifies an image, or gives the proof that was made before of this image for this requirement.
    ///
    /// A proof that was made before says so by its evidence's `verified_at`.
    ///
    /// # Errors
    /// As [`verify()`](crate::verify()). A denial for what the content says may be a few seconds old.
    pub fn verify(
        &self,
        source: &dyn Source,
        image: &ResolvedImage,
        requirement: &Requirement,
        clock: Clock,
    ) -> Result<Arc<VerifiedImage>, Denial> {
        let public = self.public(requirement, clock);
        let asked = Asked::new(source, clock, public.as_ref());
        self.answer(&asked, image, requirement)
    }

    /// Resolves an image and verifies it, as [`Verifier::verify`] does, in fewer round trips than one after the other.
    ///
    /// # Errors
    /// [`Unverified`]: an image that cannot be resolved is that first.
    pub fn verify_named(&self, named: Named<'_>) -> Result<Arc<VerifiedImage>, Unverified> {
        let Named { source, requirement, clock, .. } = named;
        let _within = Within::new(source, clock);
        let top = named.top()?;
        let public = self.public(requirement, clock);
        let mut asked = Asked::new(source, clock, public.as_ref());
        let known = self.has_proof_of(&top, named, asked.public_root());
        let (image, ahead) = named.resolve(&top, !known)?;
        asked.ahead = RefCell::new(ahead);
        Ok(self.answer(&asked, &image, requirement)?)
    }

    /// Whether a proof is likely to be at hand, so that no signature has to be looked for.
    fn has_proof_of(&self, top: &Digest, named: Named<'_>, public_root: Option<&Digest>) -> bool {
        let subject = TopQuestion {
            top,
            platform: named.platform,
            repository: named.source.repository(),
            requirement: named.requirement,
            public_root,
        };
        self.memory().has_proof_of(subject) || self.disk.as_ref().is_some_and(|disk| disk.has(subject))
    }

    fn answer(
        &self,
        asked: &Asked<'_>,
        image: &ResolvedImage,
        requirement: &Requirement,
    ) -> Result<Arc<VerifiedImage>, Denial> {
        let Asked { source, clock, .. } = *asked;
        let public_root = asked.public_root();
        let question = Question { image, requirement, public_root, now: clock.now.as_second() };
        if let Some(proof) = self.memory().proof(question) {
            self.counters.memory.add();
            return Ok(proof);
        }
        if self.limits.keeps_nothing() {
            return self.check(asked, question).map(|kept| kept.proof);
        }
        let place = source.describe();
        for _ in 0..WAITS {
            let flight = match self.join(question, &place) {
                Joined::Answered(answer) => return answer,
                Joined::Leads(flight) => return self.lead(&flight, asked, question),
                Joined::Follows(flight) => flight,
            };
            match flight.wait(clock.deadline) {
                Landing::Proved(kept) if kept.holds(question) => {
                    self.counters.joined.add();
                    return Ok(kept.proof);
                }
                Landing::Denied(denial) => {
                    self.counters.joined.add();
                    return Err(Denial::clone(&denial));
                }
                Landing::Proved(_) | Landing::Nothing => {}
            }
        }
        self.check(asked, question).map(|kept| kept.proof)
    }

    /// Verifies an image anew: no earlier answer is given, and this one is not kept.
    ///
    /// # Errors
    /// As [`verify()`](crate::verify()).
    pub fn verify_anew(
        &self,
        source: &dyn Source,
        image: &ResolvedImage,
        requirement: &Requirement,
        clock: Clock,
    ) -> Result<VerifiedImage, Denial> {
        let public = self.public(requirement, clock);
        let asked = Asked::new(source, clock, public.as_ref());
        let question = Question { image, requirement, public_root: None, now: clock.now.as_second() };
        self.verify_and_try(&asked, question).map(|(proof, _)| proof)
    }

    /// Drops every answer, in memory and on disk.
    pub fn forget(&self) {
        self.memory().clear();
        if let Some(disk) = &self.disk {
            disk.clear();
        }
    }

    /// How questions were answered so far.
    pub fn counts(&self) -> CacheCounts {
        self.counters.read()
    }

    /// What the lock guards is whole between any two statements that may unwind.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look under one lock: an answer, somebody to wait for, or the duty to check.
    fn join(&self, question: Question<'_>, place: &str) -> Joined {
        let mut memory = self.memory();
        match memory.find(question, place) {
            Found::Proved(proof) => {
                self.counters.memory.add();
                Joined::Answered(Ok(proof))
            }
            Found::Denied(denial) => {
                self.counters.memory.add();
                Joined::Answered(Err(Denial::clone(&denial)))
            }
            Found::UnderWay(flight) => Joined::Follows(flight),
            Found::Nothing => {
                let flight = Arc::new(Flight::new(question.image, question.requirement, place.to_owned()));
                memory.take_off(&flight);
                Joined::Leads(flight)
            }
        }
    }

    /// Answers for everybody who asks the same meanwhile.
    fn lead(
        &self,
        flight: &Arc<Flight>,
        asked: &Asked<'_>,
        question: Question<'_>,
    ) -> Result<Arc<VerifiedImage>, Denial> {
        let _leader = Leader { flight, memory: &self.memory };
        let stored = self.disk.as_ref().and_then(|disk| disk.find(question));
        let answer = match stored {
            Some(kept) => {
                self.counters.disk.add();
                Ok(kept)
            }
            None => self.check(asked, question).inspect(|kept| {
                if let Some(disk) = &self.disk {
                    disk.keep(question, kept);
                }
            }),
        };
        match answer {
            Ok(kept) => {
                self.memory().keep(question, kept.clone());
                flight.land(Landing::Proved(kept.clone()));
                Ok(kept.proof)
            }
            Err(denial) => {
                if is_final(&denial) {
                    let shared = Arc::new(denial.clone());
                    self.memory().keep_denial(question, Arc::clone(&shared), asked.source.describe());
                    flight.land(Landing::Denied(shared));
                }
                Err(denial)
            }
        }
    }

    fn check(&self, asked: &Asked<'_>, question: Question<'_>) -> Result<Kept, Denial> {
        match self.verify_and_try(asked, question) {
            Ok((proof, until)) => {
                self.counters.verified.add();
                let mut span = span(question.requirement, proof.evidence(), self.limits.ttl);
                span.until = until.map_or(span.until, |until| span.until.min(until));
                span.until = asked.at_hand().map_or(span.until, |root| span.until.min(root.until));
                Ok(Kept { proof: Arc::new(proof), span, public_root: question.public_root.cloned() })
            }
            Err(denial) => {
                self.counters.denied.add();
                Err(denial)
            }
        }
    }

    /// Verifies, and then tries what is only to be tried; with the proof comes until when the trial's answer holds.
    // SECURITY: the trial begins when the verdict is there, and only adds to what is told about it.
    fn verify_and_try(
        &self,
        asked: &Asked<'_>,
        question: Question<'_>,
    ) -> Result<(VerifiedImage, Option<i64>), Denial> {
        let proof = asked.verify(question)?;
        let Some(requirement) = question.requirement.trial.as_deref() else { return Ok((proof, None)) };
        let tried = guarded(|| {
            let public = self.public(requirement, asked.clock);
            let asked = Asked::new(asked.source, asked.clock, public.as_ref());
            Ok(asked.verify(Question { requirement, ..question }))
        });
        let (trial, until) = match tried {
            Ok(Ok(met)) => (trial::met(), Some(span(requirement, met.evidence(), self.limits.ttl).until)),
            Ok(Err(denial)) => (trial::refused(&denial), None),
            Err(finding) => (trial::broken(&finding), None),
        };
        // What could not be read may be there in the next moment.
        let until = if trial.outcome == TrialOutcome::Unknown { Some(question.now) } else { until };
        Ok((proof.with_trial(trial), until))
    }

    /// What is at hand of the public trust root, if the requirement has a signer who needs it.
    fn public(&self, requirement: &Requirement, clock: Clock) -> Option<Result<AtHand, String>> {
        let most = requirement.roots().filter_map(public_age).min()?;
        let Some(root) = &self.public_root else {
            return Some(Err("no place for the public Sigstore instance's keys is set up".to_owned()));
        };
        Some(root.at_hand(clock.now, most, clock.deadline).map_err(|error| error.to_string()))
    }
}

/// What a check needs beside the question.
struct Asked<'a> {
    source: &'a dyn Source,
    clock: Clock,
    public: Option<&'a Result<AtHand, String>>,
    /// What was found already, for the first check.
    ahead: RefCell<Option<Ahead<'a>>>,
}

impl<'a> Asked<'a> {
    fn new(source: &'a dyn Source, clock: Clock, public: Option<&'a Result<AtHand, String>>) -> Self {
        Self { source, clock, public, ahead: RefCell::default() }
    }

    fn at_hand(&self) -> Option<&'a AtHand> {
        self.public.and_then(|public| public.as_ref().ok())
    }

    fn public_root(&self) -> Option<&'a Digest> {
        self.at_hand().map(|it| &it.material.digest)
    }

    /// Verifies, with the public trust root in its place.
    fn verify(&self, question: Question<'_>) -> Result<VerifiedImage, Denial> {
        let Question { image, requirement, .. } = question;
        let verify =
            |requirement| verify_with(self.source, image, requirement, self.clock, self.ahead.take());
        match self.public {
            None => verify(requirement),
            Some(Ok(root)) => {
                let filled = with_public(requirement, &root.material);
                let proof = verify(&filled)?;
                // What was met is what was asked; which keys it was checked with stands with each signature.
                Ok(proof.for_requirement(requirement.digest()))
            }
            Some(Err(why)) => verify(requirement).map_err(|mut denial| {
                let finding = Finding::new(Code::RootMissing, why, "keys that are young enough");
                denial.reasons.insert(0, Reason { signer: None, finding });
                denial
            }),
        }
    }
}

/// How old a public root may be; nothing for others.
fn public_age(root: &TrustRoot) -> Option<Duration> {
    match root.source {
        TrustRootSource::SigstorePublic { max_age } => Some(max_age),
        TrustRootSource::File | TrustRootSource::Folder { .. } => None,
    }
}

/// The requirement with the keys of the public instance in it.
fn with_public(requirement: &Requirement, material: &Material) -> Requirement {
    let mut filled = requirement.clone();
    for root in filled.roots_mut() {
        if public_age(root).is_some() {
            root.json.clone_from(&material.json);
            root.digest = material.digest.clone();
        }
    }
    filled
}

/// What a look brought.
enum Joined {
    Answered(Result<Arc<VerifiedImage>, Denial>),
    Follows(Arc<Flight>),
    Leads(Arc<Flight>),
}

/// Whether a denial is for what the content says, and for nothing that could not be read.
fn is_final(denial: &Denial) -> bool {
    denial.class == DenialClass::NotVerified && denial.findings().all(|finding| !finding.failure)
}
