//! Small content that was read and checked before, by digest: a search for signatures comes to the same manifests again
//! and again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use perry_sandbox_reference::Digest;

use crate::manifest::Manifest;

/// Largest content that is kept, in bytes.
pub(crate) const MAX_KEPT: u64 = 64 * 1024;
/// Most bytes that are kept; beyond it the oldest goes.
const MAX_TOTAL: usize = 8 * 1024 * 1024;
/// What an entry costs beside its bytes.
const OVERHEAD: usize = 512;

/// Content by digest, and what it says as a manifest.
///
/// A digest names one content for ever, so what was checked once needs no other check; names and lists of a folder
/// are never kept here.
#[derive(Debug, Default)]
pub(crate) struct Recall {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    contents: HashMap<Digest, Kept>,
    order: VecDeque<Digest>,
    total: usize,
}

#[derive(Debug)]
struct Kept {
    bytes: Arc<[u8]>,
    /// As read under this media type from outside.
    manifest: Option<(String, Arc<Manifest>)>,
}

impl Recall {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the digest names, if it is known.
    pub(crate) fn bytes(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        self.state().contents.get(digest).map(|kept| Arc::clone(&kept.bytes))
    }

    /// Keeps content. The caller has checked that it is what the digest names.
    pub(crate) fn keep(&self, digest: &Digest, bytes: &[u8]) {
        let weight = bytes.len().saturating_add(OVERHEAD);
        if u64::try_from(bytes.len()).map_or(true, |size| size > MAX_KEPT) {
            return;
        }
        let mut state = self.state();
        let kept = Kept { bytes: bytes.into(), manifest: None };
        if state.contents.insert(digest.clone(), kept).is_some() {
            return;
        }
        state.order.push_back(digest.clone());
        state.total = state.total.saturating_add(weight);
        while state.total > MAX_TOTAL {
            let Some(oldest) = state.order.pop_front() else { break };
            let gone = state.contents.remove(&oldest).map_or(0, |kept| kept.bytes.len());
            state.total = state.total.saturating_sub(gone.saturating_add(OVERHEAD));
        }
    }

    /// The manifest that the digest names, as it was read under the media type `outside`.
    pub(crate) fn manifest(&self, digest: &Digest, outside: &str) -> Option<Arc<Manifest>> {
        let state = self.state();
        let (kind, manifest) = state.contents.get(digest)?.manifest.as_ref()?;
        (kind == outside).then(|| Arc::clone(manifest))
    }

    /// Keeps what known content says under the media type `outside`.
    pub(crate) fn keep_manifest(&self, digest: &Digest, outside: &str, manifest: &Arc<Manifest>) {
        if let Some(kept) = self.state().contents.get_mut(digest) {
            kept.manifest = Some((outside.to_owned(), Arc::clone(manifest)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_the_oldest_goes_first() {
        let recall = Recall::default();
        let content = |at: u32| [at.to_le_bytes().as_slice(), &vec![0; 60_000]].concat();
        for at in 0..300 {
            recall.keep(&Digest::of(&content(at)), &content(at));
        }
        let known = |at: u32| recall.bytes(&Digest::of(&content(at))).is_some();
        assert!(!known(0) && !known(100) && known(200) && known(299));
        let state = recall.state();
        assert!(state.total <= MAX_TOTAL && state.order.len() == state.contents.len());
    }

    #[test]
    fn large_content_is_not_kept_and_the_same_content_only_once() {
        let recall = Recall::default();
        let large = vec![0; 64 * 1024 + 1];
        recall.keep(&Digest::of(&large), &large);
        assert!(recall.bytes(&Digest::of(&large)).is_none());
        for _ in 0..10 {
            recall.keep(&Digest::of(b"x"), b"x");
        }
        let state = recall.state();
        assert_eq!((state.order.len(), state.total), (1, 1 + OVERHEAD));
    }
}
