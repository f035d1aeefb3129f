use std::sync::atomic::{AtomicU32, Ordering};

/// How often somebody has asked to stop: once ends what is waited for, and what was done is undone; twice kills instead of
/// asking.
#[derive(Debug, Default)]
pub struct Interrupt(AtomicU32);

impl Interrupt {
    /// Asks once more.
    pub fn ask(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    pub fn is_asked(&self) -> bool {
        self.times() > 0
    }

    /// How often.
    pub fn times(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}
