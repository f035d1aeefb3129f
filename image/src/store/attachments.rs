//! Signatures and attestations of an image, stored with it, so that it can be verified again offline.

use std::collections::BTreeMap;

use perry_sandbox_reference::Digest;

use super::error::StoreError;
use super::open::Store;
use super::record::Attachment;
use super::session::Session;
use crate::descriptor::Descriptor;
use crate::limits::{MAX_ATTACHMENT, MIB};
use crate::manifest::Manifest;
use crate::source::{Source, read_blob};

/// Most attached manifests that are stored for one image.
const MAX_MANIFESTS: usize = 64;
/// Most bytes of attachments that are stored for one image.
const MAX_BYTES: u64 = 64 * MIB;
/// The endings of cosign's tags.
const SUFFIXES: [&str; 2] = [".sig", ".att"];

/// What was found and stored.
#[derive(Debug, Default)]
pub(super) struct Attached {
    pub(super) tags: BTreeMap<String, Digest>,
    pub(super) list: Vec<Attachment>,
    pub(super) content: Vec<Descriptor>,
    /// How many were left out: too many, too large, or not what they claim.
    pub(super) skipped: usize,
    bytes: u64,
}

/// Stores everything that is attached to the digests. An attachment that is not usable is left out, because
/// anybody who can push may attach one; the image itself has been fetched by then.
pub(super) fn store_attachments(
    store: &Store,
    session: &Session,
    source: &dyn Source,
    subjects: &[Digest],
) -> Result<Attached, StoreError> {
    let mut attached = Attached::default();
    for subject in subjects {
        for suffix in SUFFIXES {
            let tag = format!("{}-{}{suffix}", subject.algorithm().as_str(), subject.hex());
            if let Some(digest) = unless_hostile(source.tag(&tag))?.flatten()
                && attached.fetch(store, session, source, &digest, None)?
            {
                attached.tags.insert(tag, digest);
            }
        }
        for descriptor in unless_hostile(source.referrers(subject))?.unwrap_or_default() {
            if attached.fetch(store, session, source, &descriptor.digest, Some(descriptor.size))? {
                attached.list.push(Attachment { subject: subject.clone(), descriptor });
            }
        }
    }
    Ok(attached)
}

impl Attached {
    /// Stores one attached manifest with its blobs; `false` if it is left out.
    fn fetch(
        &mut self,
        store: &Store,
        session: &Session,
        source: &dyn Source,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<bool, StoreError> {
        if self.content.iter().any(|it| it.digest == *digest) {
            return Ok(true);
        }
        let room = self.tags.len().saturating_add(self.list.len()) < MAX_MANIFESTS;
        let fits = room && size.is_none_or(|size| self.takes(size));
        let raw = if fits { unless_hostile(source.manifest(digest))?.flatten() } else { None };
        let parsed = raw.as_ref().and_then(|raw| Manifest::parse(&raw.bytes, None).ok());
        let (Some(raw), Some(Manifest::Image(manifest))) = (raw, parsed) else {
            self.skipped = self.skipped.saturating_add(1);
            return Ok(false);
        };
        let length = u64::try_from(raw.bytes.len()).unwrap_or(u64::MAX);
        let mut whole = vec![Descriptor::new(&manifest.media_type, digest.clone(), length)];
        let mut blobs = Vec::new();
        for blob in std::iter::once(&manifest.config).chain(&manifest.layers) {
            let bytes = if self.takes(blob.size) && blob.size <= MAX_ATTACHMENT {
                unless_hostile(read_blob(source, &blob.digest, Some(blob.size), MAX_ATTACHMENT))?
            } else {
                None
            };
            let Some(bytes) = bytes else {
                self.skipped = self.skipped.saturating_add(1);
                return Ok(false);
            };
            self.bytes = self.bytes.saturating_add(blob.size);
            blobs.push((blob.digest.clone(), bytes));
            whole.push(Descriptor::new(&blob.media_type, blob.digest.clone(), blob.size));
        }
        for (digest, bytes) in &blobs {
            store.put_bytes(session, digest, bytes)?;
        }
        store.put_bytes(session, digest, &raw.bytes)?;
        self.bytes = self.bytes.saturating_add(length);
        self.content.extend(whole);
        Ok(true)
    }

    fn takes(&self, size: u64) -> bool {
        self.bytes.saturating_add(size) <= MAX_BYTES
    }
}

/// Content that is not what it claims is left out; a source that cannot answer is a failure.
fn unless_hostile<T>(read: Result<T, crate::source::ReadError>) -> Result<Option<T>, StoreError> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_content_fault() => Ok(None),
        Err(crate::source::ReadError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
