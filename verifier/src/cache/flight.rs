//! One check at a time for one question: who asks the same meanwhile waits for its answer.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use perry_sandbox_image::ResolvedImage;
use perry_sandbox_policy::Requirement;

use super::memory::{Kept, Memory, Subject};
use crate::denial::Denial;

/// How long a wait lasts at most for a caller without a deadline; then it checks by itself.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What became of a check.
#[derive(Debug, Clone)]
pub(super) enum Landing {
    /// It was proved.
    Proved(Kept),
    /// The content says no, as found in this source.
    Denied(Arc<Denial>),
    /// Nothing can be said: the source could not be read, or the one who checked broke off.
    Nothing,
}

/// A check under way.
#[derive(Debug)]
pub(super) struct Flight {
    subject: Subject,
    requirement: Requirement,
    source: String,
    landing: Mutex<Option<Landing>>,
    landed: Condvar,
}

impl Flight {
    pub(super) fn new(image: &ResolvedImage, requirement: &Requirement, source: String) -> Self {
        Self {
            subject: Subject::of(image),
            requirement: requirement.clone(),
            source,
            landing: Mutex::default(),
            landed: Condvar::new(),
        }
    }

    /// Whether this check answers that question too. A denial speaks of one source only.
    pub(super) fn answers(&self, image: &ResolvedImage, requirement: &Requirement, source: &str) -> bool {
        self.subject.is(image) && self.requirement == *requirement && self.source == source
    }

    /// Wakes everybody who waits.
    pub(super) fn land(&self, landing: Landing) {
        let mut slot = self.landing.lock().unwrap_or_else(PoisonError::into_inner);
        slot.get_or_insert(landing);
        self.landed.notify_all();
    }

    /// Waits for the answer until the caller's own deadline.
    pub(super) fn wait(&self, deadline: Option<Instant>) -> Landing {
        let left = deadline.map_or(LONGEST_WAIT, |it| it.saturating_duration_since(Instant::now()));
        let slot = self.landing.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.landed.wait_timeout_while(slot, left, |landing| landing.is_none());
        let (slot, _) = waited.unwrap_or_else(PoisonError::into_inner);
        slot.clone().unwrap_or(Landing::Nothing)
    }
}

/// Ends the flight when its leader leaves: with nothing, if the leader gave no answer or unwound.
#[derive(Debug)]
pub(super) struct Leader<'a> {
    pub(super) flight: &'a Arc<Flight>,
    pub(super) memory: &'a Mutex<Memory>,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).arrived(self.flight);
        self.flight.land(Landing::Nothing);
    }
}
