//! Pulling: everything that makes an image, checked, into the store.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use perry_sandbox_reference::Digest;

use super::attachments::{Attached, store_attachments};
use super::error::StoreError;
use super::open::Store;
use super::record::StoredImage;
use super::rootfs::chain_digest;
use super::session::Session;
use crate::descriptor::Descriptor;
use crate::limits::MAX_CONFIG;
use crate::progress::{Counted, Progress};
use crate::resolve::ResolvedImage;
use crate::source::{ReadError, Source, read_blob};
use crate::unpack::check_media_type;

/// How many layers are fetched at once.
const CONNECTIONS: usize = 4;

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pulled {
    /// The image as it is stored now.
    pub image: StoredImage,
    /// How many bytes of layers were fetched, and not there before.
    pub fetched: u64,
    /// How many attachments were left out: too many, too large, or not what they claim.
    pub skipped: usize,
}

impl Store {
    /// Fetches an image into the store: layers, config, manifests on the way, and what is attached to it.
    /// `name` is what [`Store::list`] will call it.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is listed then, and what was fetched already is kept for the next attempt until
    /// it is pruned.
    pub fn pull(
        &self,
        source: &dyn Source,
        image: &ResolvedImage,
        name: &str,
        progress: &dyn Progress,
    ) -> Result<Pulled, StoreError> {
        image.layers().iter().try_for_each(check_media_type)?;
        let config = image.config(source)?;
        let _lock = self.share()?;
        let session = Session::begin(self)?;
        let descriptor = &image.manifest().config;
        let bytes = read_blob(source, &descriptor.digest, Some(descriptor.size), MAX_CONFIG)?;
        self.put_bytes(&session, &descriptor.digest, &bytes)?;
        let layers = image.layers().iter();
        let stamps: BTreeMap<Digest, String> =
            layers.filter_map(|it| Some((it.digest.clone(), source.stamp(&it.digest)?))).collect();
        self.check_changed(source, image, name, &stamps)?;
        let fetched = self.fetch_layers(&session, source, image.layers(), progress)?;
        for (step, bytes) in image.path_bytes() {
            self.put_bytes(&session, &step.digest, bytes)?;
        }
        let subjects = subjects(image);
        let attached = store_attachments(self, &session, source, &subjects)?;
        let Attached { tags, list, content, skipped, .. } = attached;
        let own = image.path().iter().chain(std::iter::once(descriptor)).chain(image.layers()).cloned();
        let record = StoredImage {
            name: name.to_owned(),
            path: image.path().to_vec(),
            repository: image.repository().cloned(),
            platform: image.platform().clone(),
            config: descriptor.digest.clone(),
            chain: chain_digest(&config.diff_ids),
            content: distinct(own.chain(content)),
            tags,
            attachments: list,
            stamps,
            stored_at: SystemTime::now(),
        };
        self.write_record(&session, &record)?;
        Ok(Pulled { image: record, fetched, skipped })
    }

    /// Hashes the layers whose files changed at their source, though the store has them: whoever names a folder
    /// must hear that it was tampered with, even where the store's own copy is good.
    fn check_changed(
        &self,
        source: &dyn Source,
        image: &ResolvedImage,
        name: &str,
        stamps: &BTreeMap<Digest, String>,
    ) -> Result<(), StoreError> {
        let known = self.stamps(name, image.manifest_digest()).unwrap_or_default();
        for layer in image.layers() {
            let stamp = stamps.get(&layer.digest);
            let stored = self.blob_size(&layer.digest) == Some(layer.size);
            if stored && stamp.is_some() && stamp != known.get(&layer.digest) {
                let mut blob = source.blob(&layer.digest, Some(layer.size), layer.size)?;
                io::copy(&mut blob, &mut io::sink())
                    .map_err(|error| ReadError::from_io(layer.digest.to_string(), error))?;
            }
        }
        Ok(())
    }

    fn fetch_layers(
        &self,
        session: &Session,
        source: &dyn Source,
        layers: &[Descriptor],
        progress: &dyn Progress,
    ) -> Result<u64, StoreError> {
        let missing =
            distinct(layers.iter().filter(|it| self.blob_size(&it.digest) != Some(it.size)).cloned());
        if missing.is_empty() {
            return Ok(0);
        }
        let total = missing.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.size));
        progress.start("pull", total);
        let next = AtomicUsize::new(0);
        let failure: Mutex<Option<StoreError>> = Mutex::new(None);
        let failed = || failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let worker = || {
            while failed().is_none() {
                let Some(layer) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                if let Err(error) = self.fetch_layer(session, source, layer, progress) {
                    failed().get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..missing.len().min(CONNECTIONS) {
                // This thread works as well, and perhaps alone.
                if std::thread::Builder::new().spawn_scoped(scope, worker).is_err() {
                    break;
                }
            }
            worker();
        });
        progress.done();
        failed().take().map_or(Ok(total), Err)
    }

    fn fetch_layer(
        &self,
        session: &Session,
        source: &dyn Source,
        layer: &Descriptor,
        progress: &dyn Progress,
    ) -> Result<(), StoreError> {
        let blob = source.blob(&layer.digest, Some(layer.size), layer.size)?;
        self.put_stream(session, &layer.digest, &mut Counted::new(blob, progress)).map(drop)
    }
}

/// What a signature may be about: the index that the name stood for, and the platform's manifest.
fn subjects(image: &ResolvedImage) -> Vec<Digest> {
    let all = image.path().iter().map(|step| step.digest.clone());
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

fn distinct(list: impl Iterator<Item = Descriptor>) -> Vec<Descriptor> {
    let mut seen = BTreeSet::new();
    list.filter(|it| seen.insert(it.digest.clone())).collect()
}
