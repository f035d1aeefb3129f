//! The store as a source: an image reads the same from it as from where it was pulled.

use std::io::Read;

use perry_sandbox_reference::{Digest, Repository};

use super::open::Store;
use super::record::StoredImage;
use crate::descriptor::Descriptor;
use crate::limits::MAX_MANIFEST;
use crate::manifest::RawManifest;
use crate::source::{ReadError, Source, Verified};

/// One stored image with everything that was pulled with it. Every byte is checked again when it is read.
#[derive(Debug)]
pub struct Stored<'a> {
    store: &'a Store,
    image: Option<StoredImage>,
}

impl Store {
    /// The store as the source of one image: its own tag-like names and attachments are answered as they were
    /// when it was pulled.
    pub fn source(&self, image: StoredImage) -> Stored<'_> {
        Stored { store: self, image: Some(image) }
    }

    /// The store as a source of anything by digest, with no tags and no attachments.
    pub fn contents(&self) -> Stored<'_> {
        Stored { store: self, image: None }
    }
}

impl Source for Stored<'_> {
    fn tag(&self, tag: &str) -> Result<Option<Digest>, ReadError> {
        Ok(self.image.as_ref().and_then(|image| image.tags.get(tag)).cloned())
    }

    fn only(&self) -> Result<Digest, ReadError> {
        let top = self.image.as_ref().map(|image| image.top().clone());
        top.ok_or_else(|| ReadError::NotFound { what: "single image in the store".to_owned() })
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<RawManifest>, ReadError> {
        let Some((file, size)) = self.store.open_blob(digest)? else { return Ok(None) };
        let mut bytes = Vec::new();
        Verified::new(file, digest, Some(size), MAX_MANIFEST)?
            .read_to_end(&mut bytes)
            .map_err(|error| ReadError::from_io(digest.to_string(), error))?;
        Ok(Some(RawManifest { bytes, media_type: None }))
    }

    fn blob(
        &self,
        digest: &Digest,
        size: Option<u64>,
        cap: u64,
    ) -> Result<Box<dyn Read + Send + '_>, ReadError> {
        let missing = || ReadError::NotFound { what: format!("{digest} in the store: pull the image first") };
        let (file, found) = self.store.open_blob(digest)?.ok_or_else(missing)?;
        Ok(Box::new(Verified::new(file, digest, Some(size.unwrap_or(found)), cap)?))
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        let list = self.image.iter().flat_map(|image| &image.attachments);
        Ok(list.filter(|it| it.subject == *subject).map(|it| it.descriptor.clone()).collect())
    }

    fn repository(&self) -> Option<&Repository> {
        self.image.as_ref().and_then(|image| image.repository.as_ref())
    }

    fn describe(&self) -> String {
        match &self.image {
            Some(image) => format!("the store's copy of {}", image.name),
            None => "the store".to_owned(),
        }
    }
}
