//! The verb with a memory.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perry_sandbox_image::{ResolvedImage, Source};
use perry_sandbox_policy::Requirement;

use super::disk::{CacheError, Disk};
use super::flight::{Flight, Landing, Leader};
use super::limits::{CacheCounts, CacheLimits, Counters};
use super::memory::{Found, Kept, Memory, Question};
use super::validity::span;
use crate::budget::Clock;
use crate::denial::{Denial, DenialClass};
use crate::image::VerifiedImage;
use crate::verify::verify;

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
    counters: Counters,
}

impl Verifier {
    /// A verifier that remembers in memory.
    pub fn new(limits: CacheLimits) -> Self {
        let memory = Mutex::new(Memory::new(limits.clone()));
        Self { limits, memory, disk: None, counters: Counters::default() }
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
        let question = Question { image, requirement, public_root: None, now: clock.now.as_second() };
        if let Some(proof) = self.memory().proof(question) {
            self.counters.memory.add();
            return Ok(proof);
        }
        if self.limits.keeps_nothing() {
            return self.check(source, question, clock).map(|kept| kept.proof);
        }
        let place = source.describe();
        for _ in 0..WAITS {
            let flight = match self.join(question, &place) {
                Joined::Answered(answer) => return answer,
                Joined::Leads(flight) => return self.lead(&flight, source, question, clock),
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
        self.check(source, question, clock).map(|kept| kept.proof)
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
        source: &dyn Source,
        question: Question<'_>,
        clock: Clock,
    ) -> Result<Arc<VerifiedImage>, Denial> {
        let _leader = Leader { flight, memory: &self.memory };
        let stored = self.disk.as_ref().and_then(|disk| disk.find(question));
        let answer = match stored {
            Some(kept) => {
                self.counters.disk.add();
                Ok(kept)
            }
            None => self.check(source, question, clock).inspect(|kept| {
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
                    self.memory().keep_denial(question, Arc::clone(&shared), source.describe());
                    flight.land(Landing::Denied(shared));
                }
                Err(denial)
            }
        }
    }

    fn check(&self, source: &dyn Source, question: Question<'_>, clock: Clock) -> Result<Kept, Denial> {
        match verify(source, question.image, question.requirement, clock) {
            Ok(proof) => {
                self.counters.verified.add();
                let span = span(question.requirement, proof.evidence(), self.limits.ttl);
                Ok(Kept { proof: Arc::new(proof), span, public_root: question.public_root.cloned() })
            }
            Err(denial) => {
                self.counters.denied.add();
                Err(denial)
            }
        }
    }
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
