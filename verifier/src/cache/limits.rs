//! How much is kept, for how long, and how often it helped.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much the cache keeps, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheLimits {
    /// Most images in memory; 0 keeps nothing anywhere.
    pub entries: usize,
    /// Most bytes of manifests and requirements in memory.
    pub bytes: usize,
    /// How long a proof is taken without checking again. Whatever in the requirement ends sooner wins.
    pub ttl: Duration,
    /// How long a denial is given again without looking again. Only denials for what the content says are kept, never
    /// those because something could not be read.
    pub denial_ttl: Duration,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            entries: 1024,
            bytes: 32 << 20,
            ttl: Duration::from_secs(60 * 60),
            denial_ttl: Duration::from_secs(2),
        }
    }
}

impl CacheLimits {
    /// Nothing is kept: every question is answered by checking.
    pub fn none() -> Self {
        Self { entries: 0, bytes: 0, ttl: Duration::ZERO, denial_ttl: Duration::ZERO }
    }

    pub(super) fn keeps_nothing(&self) -> bool {
        self.entries == 0
    }
}

/// How questions were answered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheCounts {
    /// From memory.
    pub memory: u64,
    /// From disk.
    pub disk: u64,
    /// By waiting for another thread that was asked the same.
    pub joined: u64,
    /// By checking: it was proved.
    pub verified: u64,
    /// By checking: it was not.
    pub denied: u64,
}

/// The counters behind [`CacheCounts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) memory: Counter,
    pub(super) disk: Counter,
    pub(super) joined: Counter,
    pub(super) verified: Counter,
    pub(super) denied: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Counters {
    pub(super) fn read(&self) -> CacheCounts {
        let read = |counter: &Counter| counter.0.load(Ordering::Relaxed);
        CacheCounts {
            memory: read(&self.memory),
            disk: read(&self.disk),
            joined: read(&self.joined),
            verified: read(&self.verified),
            denied: read(&self.denied),
        }
    }
}
