//! How much memory a module may ask for.

use wasmtime::ResourceLimiter;

/// How much one element of a table takes, at least.
const ELEMENT: usize = 16;

/// Bounds linear memory and tables together.
#[derive(Debug)]
pub(super) struct Limiter {
    left: usize,
    refused: bool,
}

impl Limiter {
    pub(super) fn new(memory: u64) -> Self {
        Self { left: usize::try_from(memory).unwrap_or(usize::MAX), refused: false }
    }

    /// Whether the module asked for more than there is.
    pub(super) const fn has_refused(&self) -> bool {
        self.refused
    }

    fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        match left {
            Some(left) => self.left = left,
            None => self.refused = true,
        }
        left.is_some()
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.take(desired.saturating_sub(current)))
    }

    /// The kernel refused.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.take(desired.saturating_sub(current).saturating_mul(ELEMENT)))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = true;
        Ok(())
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        64
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn memory_and_tables_share_one_bound() {
        let mut limiter = Limiter::new(1000);
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(limiter.table_growing(0, 25, None).unwrap());
        assert!(!limiter.has_refused());
        assert!(!limiter.memory_growing(600, 601, None).unwrap());
        assert!(limiter.has_refused());
    }
}
