//! How much one verification may still read, and how long it may still take.

use std::time::Instant;

use jiff::Timestamp;
use perry_sandbox_image::{Descriptor, ReadError, Source, read_blob};
use perry_sandbox_policy::Requirement;
use perry_sandbox_reference::{Digest, Repository};

use crate::codes::Code;
use crate::fetch::{self, AT_ONCE};
use crate::finding::Finding;
use crate::limits::{DEFAULT_TIME, MAX_TOTAL};

/// The time of day that decisions are made by, and when a verification must have come to an end.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Now, for decisions: no verified time may lie after it, and ages are counted from it.
    pub now: Timestamp,
    /// When to give up; `None` never does.
    pub deadline: Option<Instant>,
}

impl Clock {
    /// A clock at `now` that gives up [`DEFAULT_TIME`] after it was made.
    pub fn at(now: Timestamp) -> Self {
        Self { now, deadline: Instant::now().checked_add(DEFAULT_TIME) }
    }

    /// A clock at `now` that gives up when the requirement says.
    pub fn of(requirement: &Requirement, now: Timestamp) -> Self {
        Self { now, deadline: Instant::now().checked_add(requirement.verify_timeout) }
    }

    /// Whether there is time left.
    pub(crate) fn check(&self) -> Result<(), Finding> {
        if self.is_over() { Err(Self::ran_out("no time left")) } else { Ok(()) }
    }

    /// Whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// What is said then.
    pub(crate) fn ran_out(found: impl AsRef<str>) -> Finding {
        Finding::new(Code::FindTimeRanOut, found, "an end within the time allowed")
    }
}

/// Where a manifest may be. Tags come first: there are few, and a registry may list much.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// Under this tag, if there is one.
    Tag(String),
    /// It is there.
    Manifest(Digest),
}

impl Place {
    /// A tag, with its name for people.
    pub(crate) fn tag(tag: String) -> (Self, String) {
        let name = format!("tag {tag}");
        (Self::Tag(tag), name)
    }
}

/// A manifest's bytes, and the media type that it was handed over with.
#[derive(Debug)]
pub(crate) struct Manifested {
    pub(crate) digest: Digest,
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: Option<String>,
}

/// Holds a source to the deadline for as long as it lives.
// SECURITY: a registry that answers one byte at a time must not outlast the time that policy allows.
#[derive(Debug)]
pub(crate) struct Within<'a>(&'a dyn Source);

impl<'a> Within<'a> {
    pub(crate) fn new(source: &'a dyn Source, clock: Clock) -> Self {
        source.set_deadline(clock.deadline);
        Self(source)
    }
}

impl Drop for Within<'_> {
    /// What is pulled afterwards is not part of the verification.
    fn drop(&mut self) {
        self.0.set_deadline(None);
    }
}

/// Reads through a source, counting.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    source: &'a dyn Source,
    clock: Clock,
    left: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a dyn Source, clock: Clock) -> Self {
        Self { source, clock, left: MAX_TOTAL }
    }

    /// The repository that is read, where answers take a round trip.
    pub(crate) fn repository(&self) -> Option<&'a Repository> {
        self.source.repository()
    }

    /// How many questions the source is asked at once: a registry answers each after a round trip, a file at once.
    pub(crate) fn at_once(&self) -> usize {
        if is_far(self.source) { AT_ONCE } else { 1 }
    }

    /// What refers to each of these digests.
    pub(crate) fn referrers(&self, digests: &[Digest]) -> Vec<Result<Vec<Descriptor>, Finding>> {
        let (source, clock) = (self.source, self.clock);
        fetch::each(digests, self.at_once(), |digest| {
            source.referrers(digest).map_err(|error| unreadable(&error, clock))
        })
    }

    /// The manifests at these places; nothing for a tag that is not there.
    pub(crate) fn manifests(&mut self, places: &[&Place]) -> Vec<Result<Option<Manifested>, Finding>> {
        let (source, clock) = (self.source, self.clock);
        let mut read = Vec::new();
        for some in places.chunks(self.at_once()) {
            if self.left == 0 {
                read.extend(some.iter().map(|_| Err(self.exhausted())));
                continue;
            }
            let answers = fetch::each(some, AT_ONCE, |place| at(source, clock, place));
            // What is read is counted in the order of the places, whichever came first.
            for answer in answers {
                read.push(answer.and_then(|manifest| {
                    let size = manifest.as_ref().map_or(0, |it| it.bytes.len());
                    self.spend(u64::try_from(size).unwrap_or(u64::MAX))?;
                    Ok(manifest)
                }));
            }
        }
        read
    }

    /// Blobs of the sizes that their descriptors say, each at most its cap.
    pub(crate) fn blobs(&mut self, wanted: &[BlobWanted<'_>]) -> Vec<Result<Vec<u8>, Finding>> {
        let (source, clock) = (self.source, self.clock);
        let allowed: Vec<_> = wanted.iter().map(|it| (it, self.allow(it))).collect();
        fetch::each(&allowed, self.at_once(), |(it, allowed)| {
            allowed.clone()?;
            blob(source, clock, it)
        })
    }

    /// Whether a blob may be read at all; counts it.
    fn allow(&mut self, wanted: &BlobWanted<'_>) -> Result<(), Finding> {
        let (size, cap) = (wanted.size, wanted.cap);
        if size > cap {
            return Err(Finding::new(Code::ParseLimit, format!("{size} bytes"), format!("at most {cap}")));
        }
        self.spend(size)
    }

    fn spend(&mut self, bytes: u64) -> Result<(), Finding> {
        if let Some(left) = self.left.checked_sub(bytes) {
            self.left = left;
            return Ok(());
        }
        self.left = 0;
        Err(self.exhausted())
    }

    fn exhausted(&self) -> Finding {
        let found = format!("more than {MAX_TOTAL} bytes in {}", self.source.describe());
        Finding::new(Code::FindTooLarge, found, format!("at most {MAX_TOTAL} bytes"))
    }
}

/// Whether answers of this source take a round trip.
pub(crate) fn is_far(source: &dyn Source) -> bool {
    source.repository().is_some()
}

/// A blob that is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlobWanted<'a> {
    pub(crate) digest: &'a Digest,
    pub(crate) size: u64,
    pub(crate) cap: u64,
}

fn at(source: &dyn Source, clock: Clock, place: &Place) -> Result<Option<Manifested>, Finding> {
    clock.check()?;
    let digest = match place {
        Place::Manifest(digest) => digest.clone(),
        Place::Tag(tag) => match source.tag(tag).map_err(|error| unreadable(&error, clock))? {
            Some(digest) => digest,
            None => return Ok(None),
        },
    };
    let raw = source.manifest(&digest).map_err(|error| unreadable(&error, clock))?;
    let raw = raw
        .ok_or_else(|| Finding::new(Code::FindRefused, format!("no {digest}"), "a manifest that is there"))?;
    // A source checks what it hands over; a false one must not get further than here (CVE-2023-33959).
    if !digest.matches(&raw.bytes) {
        let found = Digest::of(&raw.bytes);
        return Err(Finding::new(Code::FindRefused, format!("content {found}"), digest.as_str()));
    }
    Ok(Some(Manifested { digest, bytes: raw.bytes, media_type: raw.media_type }))
}

fn blob(source: &dyn Source, clock: Clock, wanted: &BlobWanted<'_>) -> Result<Vec<u8>, Finding> {
    clock.check()?;
    let digest = wanted.digest;
    let bytes = read_blob(source, digest, Some(wanted.size), wanted.cap)
        .map_err(|error| unreadable(&error, clock))?;
    if digest.matches(&bytes) {
        return Ok(bytes);
    }
    Err(Finding::new(Code::FindRefused, format!("content {}", Digest::of(&bytes)), digest.as_str()))
}

/// A fault of the content stays one; anything else is a failure to reach it, for want of time where there is none left.
fn unreadable(error: &ReadError, clock: Clock) -> Finding {
    let code = if matches!(error, ReadError::TooLarge { .. }) {
        Code::ParseLimit
    } else if error.is_content_fault() || matches!(error, ReadError::NotFound { .. }) {
        Code::FindRefused
    } else if clock.is_over() {
        return Clock::ran_out(error.to_string());
    } else {
        Code::FindUnreadable
    };
    Finding::new(code, error.to_string(), "content that can be read and is what its digest names")
}
