//! How far a pull or an unpacking is, for whoever draws it.

use std::io::{self, Read};

/// Hears how far the work is. Called from several threads.
pub trait Progress: Sync {
    /// A step begins; `total` bytes will pass.
    fn start(&self, what: &str, total: u64);
    /// Some bytes passed.
    fn advance(&self, bytes: u64);
    /// The step has ended, well or not.
    fn done(&self);
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn start(&self, _what: &str, _total: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn done(&self) {}
}

/// Reports what is read through it.
pub(crate) struct Counted<'a, R> {
    inner: R,
    progress: &'a dyn Progress,
}

impl<'a, R: Read> Counted<'a, R> {
    pub(crate) fn new(inner: R, progress: &'a dyn Progress) -> Self {
        Self { inner, progress }
    }
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buf)?;
        self.progress.advance(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}
