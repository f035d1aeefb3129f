//! Answers in memory, the ones used last, within a number of entries and of bytes.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use perry_sandbox_image::{Descriptor, ResolvedImage};
use perry_sandbox_policy::{Requirement, TrustRootSource};
use perry_sandbox_reference::{Digest, Platform, Repository};

use super::flight::Flight;
use super::limits::CacheLimits;
use super::validity::Span;
use crate::denial::Denial;
use crate::image::VerifiedImage;

/// Most different requirements that one image is remembered under.
const MOST_QUESTIONS: usize = 16;
/// What an entry weighs beside the bytes that it holds, in bytes.
const OVERHEAD: usize = 4096;

/// An image as it was asked about: everything but the bytes, which follow from the digests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    path: Vec<Descriptor>,
    platform: Platform,
    repository: Option<Repository>,
}

impl Subject {
    pub(super) fn of(image: &ResolvedImage) -> Self {
        Self {
            path: image.path().to_vec(),
            platform: image.platform().clone(),
            repository: image.repository().cloned(),
        }
    }

    pub(super) fn is(&self, image: &ResolvedImage) -> bool {
        self.path == image.path()
            && self.platform == *image.platform()
            && self.repository.as_ref() == image.repository()
    }
}

/// A proof, and how long it may be given again.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) proof: Arc<VerifiedImage>,
    pub(super) span: Span,
    /// The public trust root that it was checked against, if any signer needs it.
    pub(super) public_root: Option<Digest>,
}

/// What was answered.
#[derive(Debug)]
enum Answer {
    Proved(Kept),
    Denied { denial: Arc<Denial>, source: String, span: Span },
}

#[derive(Debug)]
struct Entry {
    subject: Subject,
    requirement: Arc<Requirement>,
    answer: Answer,
    weight: usize,
}

/// What the memory says to a question.
#[derive(Debug)]
pub(super) enum Found {
    Proved(Arc<VerifiedImage>),
    Denied(Arc<Denial>),
    /// Somebody is checking this very thing.
    UnderWay(Arc<Flight>),
    /// Nobody is: the caller is the one who checks.
    Nothing,
}

/// A question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) image: &'a ResolvedImage,
    pub(super) requirement: &'a Requirement,
    /// The public trust root of the moment, where a signer needs it.
    pub(super) public_root: Option<&'a Digest>,
    /// Seconds since 1970.
    pub(super) now: i64,
}

/// A question of which only the top of the image is known yet. What lies below follows from it and the platform.
#[derive(Debug, Clone, Copy)]
pub(super) struct TopQuestion<'a> {
    pub(super) top: &'a Digest,
    pub(super) platform: &'a Platform,
    pub(super) repository: Option<&'a Repository>,
    pub(super) requirement: &'a Requirement,
    pub(super) public_root: Option<&'a Digest>,
}

impl<'a> Question<'a> {
    pub(super) fn top(self) -> TopQuestion<'a> {
        TopQuestion {
            top: self.image.top(),
            platform: self.image.platform(),
            repository: self.image.repository(),
            requirement: self.requirement,
            public_root: self.public_root,
        }
    }
}

/// The answers, and the checks under way: one lock holds both, so that nobody checks what was just answered.
#[derive(Debug)]
pub(super) struct Memory {
    answers: LruCache<u64, Vec<Entry>>,
    // An outsider chooses images; with a fixed hash he could choose ones that push each other out.
    hasher: RandomState,
    flights: Vec<Arc<Flight>>,
    limits: CacheLimits,
    weight: usize,
    entries: usize,
}

impl Memory {
    pub(super) fn new(limits: CacheLimits) -> Self {
        Self {
            answers: LruCache::unbounded(),
            hasher: RandomState::new(),
            flights: Vec::new(),
            limits,
            weight: 0,
            entries: 0,
        }
    }

    fn place(&self, image: &ResolvedImage) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for step in image.path() {
            step.digest.hash(&mut hasher);
        }
        image.repository().hash(&mut hasher);
        hasher.finish()
    }

    /// Looks a proof up. It must be about this image and this requirement, and hold at this moment.
    pub(super) fn proof(&mut self, question: Question<'_>) -> Option<Arc<VerifiedImage>> {
        let place = self.place(question.image);
        self.answers.get(&place)?.iter().find_map(|entry| match &entry.answer {
            Answer::Proved(kept) if entry.is(question) && kept.holds(question) => {
                Some(Arc::clone(&kept.proof))
            }
            Answer::Proved(_) | Answer::Denied { .. } => None,
        })
    }

    /// Whether there is a proof of an image with this top. It may have ended, or be of other bytes: a hint.
    pub(super) fn has_proof_of(&self, question: TopQuestion<'_>) -> bool {
        self.answers.iter().flat_map(|(_, entries)| entries).any(|entry| {
            matches!(entry.answer, Answer::Proved(_))
                && entry.subject.path.first().is_some_and(|top| top.digest == *question.top)
                && entry.subject.platform == *question.platform
                && entry.subject.repository.as_ref() == question.repository
                && *entry.requirement == *question.requirement
        })
    }

    /// As [`Memory::proof`], then denials of this source, then checks of it that are under way.
    pub(super) fn find(&mut self, question: Question<'_>, source: &str) -> Found {
        if let Some(proof) = self.proof(question) {
            return Found::Proved(proof);
        }
        let place = self.place(question.image);
        let denied = self.answers.get(&place).into_iter().flatten().find_map(|entry| match &entry.answer {
            Answer::Denied { denial, source: of, span } if of == source && entry.is(question) => {
                span.contains(question.now).then(|| Arc::clone(denial))
            }
            Answer::Denied { .. } | Answer::Proved(_) => None,
        });
        if let Some(denial) = denied {
            return Found::Denied(denial);
        }
        let same = |flight: &&Arc<Flight>| flight.answers(question.image, question.requirement, source);
        self.flights.iter().find(same).map_or(Found::Nothing, |flight| Found::UnderWay(Arc::clone(flight)))
    }

    /// Tells others that this is being checked.
    pub(super) fn take_off(&mut self, flight: &Arc<Flight>) {
        self.flights.push(Arc::clone(flight));
    }

    /// The check has come to an end, whatever became of it.
    pub(super) fn arrived(&mut self, flight: &Arc<Flight>) {
        self.flights.retain(|other| !Arc::ptr_eq(other, flight));
    }

    /// Keeps a proof.
    pub(super) fn keep(&mut self, question: Question<'_>, kept: Kept) {
        self.insert(question, Answer::Proved(kept));
    }

    /// Keeps a denial for a moment.
    pub(super) fn keep_denial(&mut self, question: Question<'_>, denial: Arc<Denial>, source: String) {
        let span =
            Span { from: question.now, until: question.now.saturating_add(whole(self.limits.denial_ttl)) };
        if span.from < span.until {
            self.insert(question, Answer::Denied { denial, source, span });
        }
    }

    fn insert(&mut self, question: Question<'_>, answer: Answer) {
        if self.limits.keeps_nothing() {
            return;
        }
        let place = self.place(question.image);
        let mut list = self.answers.pop(&place).unwrap_or_default();
        self.forget_weight(&list);
        // One answer to one question; the other way round it would be found or not by its place in the list.
        list.retain(|entry| !entry.is(question));
        if list.len() >= MOST_QUESTIONS {
            list.remove(0);
        }
        let (requirement, weight) = self.shared(question, &list);
        list.push(Entry { subject: Subject::of(question.image), requirement, answer, weight });
        self.weight = list.iter().fold(self.weight, |sum, entry| sum.saturating_add(entry.weight));
        self.entries = self.entries.saturating_add(list.len());
        self.answers.put(place, list);
        while self.weight > self.limits.bytes || self.entries > self.limits.entries {
            let Some((_, oldest)) = self.answers.pop_lru() else { break };
            self.forget_weight(&oldest);
        }
    }

    /// The requirement, shared with the entry that was used last where it is the same: most questions of a process
    /// are asked under a handful of requirements. With it, what the entry weighs.
    fn shared(&self, question: Question<'_>, list: &[Entry]) -> (Arc<Requirement>, usize) {
        let latest = self.answers.iter().take(MOST_QUESTIONS).flat_map(|(_, entries)| entries);
        let same = |entry: &&Entry| *entry.requirement == *question.requirement;
        let bytes = question.image.path_bytes().map(|(_, bytes)| bytes.len());
        // The parsed form takes about as much again.
        let bytes = bytes.fold(OVERHEAD, |sum, count| sum.saturating_add(count.saturating_mul(2)));
        if let Some(entry) = list.iter().chain(latest).find(same) {
            return (Arc::clone(&entry.requirement), bytes);
        }
        let weight = bytes.saturating_add(requirement_weight(question.requirement));
        (Arc::new(question.requirement.clone()), weight)
    }

    fn forget_weight(&mut self, list: &[Entry]) {
        self.weight = list.iter().fold(self.weight, |sum, entry| sum.saturating_sub(entry.weight));
        self.entries = self.entries.saturating_sub(list.len());
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.answers.clear();
        self.weight = 0;
        self.entries = 0;
    }
}

impl Entry {
    fn is(&self, question: Question<'_>) -> bool {
        self.subject.is(question.image) && *self.requirement == *question.requirement
    }
}

impl Kept {
    /// Whether this answers the question at its moment.
    // SECURITY: the bytes are compared too. What a caller reads of an image whose source does not keep to its digests
    // must not differ from what was proved.
    pub(super) fn holds(&self, question: Question<'_>) -> bool {
        self.span.contains(question.now)
            && self.public_root.as_ref() == question.public_root
            && self.proof.image().path_bytes().eq(question.image.path_bytes())
    }
}

fn requirement_weight(requirement: &Requirement) -> usize {
    let roots = requirement.roots().map(|root| match &root.source {
        TrustRootSource::Folder { documents } => documents.iter().map(|it| it.json.len()).sum(),
        TrustRootSource::File | TrustRootSource::SigstorePublic { .. } => root.json.len(),
    });
    let denied = requirement.denied.entries().map(|entry| OVERHEAD.saturating_add(entry.reason.len()));
    roots.chain(denied).fold(OVERHEAD, usize::saturating_add)
}

fn whole(age: Duration) -> i64 {
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}
