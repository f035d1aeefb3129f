//! Is everything in the store what it says it is, and does anything in it belong to nobody?

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use perry_sandbox_reference::Digest;

use super::error::StoreError;
use super::open::{Store, failed};
use super::record::StoredImage;
use super::session::{Session, abandoned};

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckReport {
    /// How many blobs were read and hashed.
    pub blobs: usize,
    /// Blobs whose content is not what their name says.
    pub damaged: Vec<Digest>,
    /// Blobs that a listed image needs and that are not there, with the image's name.
    pub missing: Vec<(String, Digest)>,
    /// Blobs that no listed image needs. Harmless: a pull that was broken off leaves them.
    pub orphans: Vec<Digest>,
    /// Records that cannot be read.
    pub broken: Vec<PathBuf>,
    /// Folders of unfinished work whose process is gone. Harmless: the next pull removes them.
    pub abandoned: usize,
}

impl CheckReport {
    /// Whether every listed image is whole.
    pub fn is_sound(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty() && self.broken.is_empty()
    }
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Blobs that no listed image needs, and damaged ones where that was asked for.
    pub blobs: Vec<Digest>,
    /// Records that nobody can read. What only they named went with them.
    pub records: Vec<PathBuf>,
    /// Chains of the trees that were removed.
    pub rootfs: Vec<String>,
    /// Bytes of blobs that were freed.
    pub bytes: u64,
}

impl Store {
    /// Reads and hashes every blob, and compares with the records.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read at all.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        let _lock = self.share()?;
        let mut report = CheckReport { abandoned: abandoned(self), ..CheckReport::default() };
        let images = self.sound_records(&mut report.broken)?;
        let blobs: BTreeSet<Digest> = self.all_blobs()?.into_iter().collect();
        let needed = needed(&images);
        report.blobs = blobs.len();
        report.orphans = blobs.difference(&needed).cloned().collect();
        report.damaged = blobs.iter().filter(|digest| !self.is_sound(digest)).cloned().collect();
        for image in &images {
            let lost = image.content.iter().filter(|it| !blobs.contains(&it.digest));
            report.missing.extend(lost.map(|it| (image.name.clone(), it.digest.clone())));
        }
        Ok(report)
    }

    /// Removes damaged blobs, so that the next pull fetches them again; gives what was removed.
    ///
    /// # Errors
    /// [`StoreError`] when a blob cannot be removed.
    pub fn remove_damaged(&self) -> Result<Vec<Digest>, StoreError> {
        let _lock = self.seize()?;
        let damaged: Vec<_> = self.all_blobs()?.into_iter().filter(|digest| !self.is_sound(digest)).collect();
        for digest in &damaged {
            let path = self.blob_path(digest);
            fs::remove_file(&path).map_err(failed(&path, "remove it"))?;
        }
        Ok(damaged)
    }

    /// Removes blobs and trees that no listed image needs and no process uses.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while another process pulls or unpacks; [`StoreError::OtherVersion`] and
    /// [`StoreError::Io`] when somebody else may be able to read a record, because what it needs is not known here.
    pub fn prune(&self) -> Result<Pruned, StoreError> {
        let _lock = self.seize()?;
        let (mut images, mut unreadable) = (Vec::new(), Vec::new());
        for (path, record) in self.records()? {
            match record {
                Ok(image) => images.push(image),
                Err(StoreError::Record { .. }) => unreadable.push(path),
                Err(error) => return Err(error),
            }
        }
        for path in &unreadable {
            fs::remove_file(path).map_err(failed(path, "remove it"))?;
        }
        let needed = needed(&images);
        let mut pruned = Pruned { records: unreadable, ..Pruned::default() };
        for digest in self.all_blobs()? {
            if needed.contains(&digest) {
                continue;
            }
            let path = self.blob_path(&digest);
            pruned.bytes = pruned.bytes.saturating_add(self.blob_size(&digest).unwrap_or(0));
            fs::remove_file(&path).map_err(failed(&path, "remove it"))?;
            pruned.blobs.push(digest);
        }
        let chains: BTreeSet<&str> = images.iter().map(|image| image.chain.hex()).collect();
        pruned.rootfs = self.prune_rootfs(&|name| chains.contains(name))?;
        // A session removes what dead processes left, and then itself.
        drop(Session::begin(self)?);
        Ok(pruned)
    }

    fn sound_records(&self, broken: &mut Vec<PathBuf>) -> Result<Vec<StoredImage>, StoreError> {
        let mut images = Vec::new();
        for (path, record) in self.records()? {
            match record {
                Ok(image) => images.push(image),
                Err(_) => broken.push(path),
            }
        }
        Ok(images)
    }
}

fn needed(images: &[StoredImage]) -> BTreeSet<Digest> {
    images.iter().flat_map(|image| &image.content).map(|blob| blob.digest.clone()).collect()
}
