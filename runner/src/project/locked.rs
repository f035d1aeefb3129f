//! Files that are locked as long as somebody holds them.

use std::fs::File;
use std::ops::Deref;

/// A file that is locked until this is dropped.
///
/// It is unlocked then, and not only closed: a lock belongs to all who have the descriptor, and whatever child this process is
/// making just then has a copy of it until exec. That child may be waiting for a lock itself.
#[derive(Debug)]
pub(crate) struct Locked(File);

impl Locked {
    /// This one, whose lock has just been taken.
    pub(super) const fn new(file: File) -> Self {
        Self(file)
    }
}

impl Deref for Locked {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing it does the rest.
        self.0.unlock().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_free_when_it_is_dropped_whoever_has_a_copy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let other = file.reopen().unwrap();
        let held = file.reopen().unwrap();
        held.lock().unwrap();
        let held = Locked::new(held);
        let copy = held.try_clone().unwrap();
        assert!(other.try_lock().is_err());
        drop(held);
        other.try_lock().unwrap();
        drop(copy);
    }
}
