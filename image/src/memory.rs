//! Content in memory, for tests and for callers that already hold it.

use std::collections::BTreeMap;
use std::io::Read;

use perry_sandbox_reference::{Digest, Repository};

use crate::descriptor::Descriptor;
use crate::limits::{MAX_MANIFEST, MAX_REFERRERS};
use crate::manifest::{Manifest, RawManifest};
use crate::source::{ReadError, Source, Verified};

/// A source that holds everything in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    repository: Option<Repository>,
    tags: BTreeMap<String, Digest>,
    media_types: BTreeMap<Digest, String>,
    blobs: BTreeMap<Digest, Vec<u8>>,
}

impl Memory {
    /// An empty source that claims to be this repository, or none.
    pub fn new(repository: Option<Repository>) -> Self {
        Self { repository, ..Self::default() }
    }

    /// Adds bytes under their own digest.
    pub fn add(&mut self, bytes: impl Into<Vec<u8>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest.clone(), bytes);
        digest
    }

    /// Adds a manifest or index with the media type that a registry would serve it as.
    pub fn add_manifest(&mut self, bytes: impl Into<Vec<u8>>, media_type: &str) -> Digest {
        let digest = self.add(bytes);
        self.media_types.insert(digest.clone(), media_type.to_owned());
        digest
    }

    /// Puts bytes under a digest that may be false, as a hostile source would.
    pub fn add_as(&mut self, digest: Digest, bytes: impl Into<Vec<u8>>) {
        self.blobs.insert(digest, bytes.into());
    }

    /// Points a tag at a digest.
    pub fn set_tag(&mut self, tag: &str, digest: Digest) {
        self.tags.insert(tag.to_owned(), digest);
    }
}

impl Source for Memory {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        Ok(self.tags.get(tag).cloned())
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        let Some(bytes) = self.blobs.get(digest) else { return Ok(None) };
        let mut checked = Vec::new();
        let size = u64::try_from(bytes.len()).ok();
        Verified::new(bytes.as_slice(), digest, size, MAX_MANIFEST)?
            .read_to_end(&mut checked)
            .map_err(|error| ReadError::from_io(digest.to_string(), error))?;
        Ok(Some(RawManifest { bytes: checked, media_type: self.media_types.get(digest).cloned() }))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        let missing = || ReadError::NotFound { what: format!("{digest} in memory") };
        let bytes = self.blobs.get(digest).ok_or_else(missing)?;
        Ok(Box::new(Verified::new(bytes.as_slice(), digest, size, cap)?))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        let about = |(digest, kind): (&Digest, &String)| {
            let bytes = self.blobs.get(digest)?;
            let manifest = Manifest::parse(bytes, Some(kind)).ok()?;
            manifest.subject().filter(|it| it.digest == *subject)?;
            Some(Descriptor::new(kind, digest.clone(), u64::try_from(bytes.len()).ok()?))
        };
        Ok(self.media_types.iter().filter_map(about).take(MAX_REFERRERS).collect())
    }

    fn repository(&self) -> Option<&Repository> {
        self.repository.as_ref()
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}
