use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

/// How often somebody has asked to stop: once ends what is waited for, and what was done is undone; twice kills instead of
/// asking.
#[derive(Debug, Default)]
pub struct Interrupt {
    times: AtomicU32,
    /// The first signal; 0: none.
    signal: AtomicI32,
}

impl Interrupt {
    /// Asks once more.
    pub fn ask(&self) {
        self.times.fetch_add(1, Ordering::Release);
    }

    /// Asks once more, by a signal.
    pub fn ask_by(&self, signal: i32) {
        // The first counts.
        self.signal.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).ok();
        self.ask();
    }

    /// By which signal somebody has asked first, if by one.
    pub fn signal(&self) -> Option<i32> {
        Some(self.signal.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
    }

    /// Whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        self.times() > 0
    }

    /// How often.
    pub fn times(&self) -> u32 {
        self.times.load(Ordering::Acquire)
    }
}
