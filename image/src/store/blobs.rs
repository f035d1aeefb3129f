//! Blobs: files named by their digest, whole and right from the moment they have that name.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::PathBuf;

use perry_sandbox_reference::{Algorithm, Digest};

use super::error::StoreError;
use super::open::{Store, failed};
use super::session::{Session, settle};
use crate::files::open_below;
use crate::source::{ReadError, Verified};

impl Store {
    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root().join("blobs").join(digest.algorithm().as_str()).join(digest.hex())
    }

    /// Whether the blob is there, with its length.
    pub(super) fn blob_size(&self, digest: &Digest) -> Option<u64> {
        let metadata = fs::symlink_metadata(self.blob_path(digest)).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Opens a blob; the reader of it must check its digest.
    pub(super) fn open_blob(&self, digest: &Digest) -> Result<Option<(File, u64)>, ReadError> {
        let io = |source| ReadError::Io { what: format!("{digest} in the store"), source };
        let folder = self.root().join("blobs").join(digest.algorithm().as_str());
        let dir = crate::files::open_dir(&folder).map_err(io)?;
        match open_below(dir, digest.hex().as_ref()) {
            Ok(file) => {
                let size = file.metadata().map_err(io)?.len();
                Ok(Some((file, size)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io(error)),
        }
    }

    /// Puts a stream that checks itself into the store.
    pub(super) fn put_stream(
        &self,
        session: &Session,
        digest: &Digest,
        stream: &mut dyn Read,
    ) -> Result<u64, StoreError> {
        let to = self.blob_path(digest);
        let (from, mut file) = session.file().map_err(failed(&to, "create it"))?;
        let count =
            io::copy(stream, &mut file).map_err(|error| ReadError::from_io(digest.to_string(), error))?;
        settle(self, &file, &from, &to)?;
        Ok(count)
    }

    /// Puts bytes into the store, after checking them once more.
    pub(super) fn put_bytes(
        &self,
        session: &Session,
        digest: &Digest,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.blob_size(digest) == Some(size) {
            return Ok(());
        }
        let mut stream = Verified::new(bytes, digest, Some(size), size)?;
        self.put_stream(session, digest, &mut stream).map(drop)
    }

    /// Every blob there is. Other files in the folders are not looked at.
    pub(super) fn all_blobs(&self) -> Result<Vec<Digest>, StoreError> {
        let mut list = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let folder = self.root().join("blobs").join(algorithm.as_str());
            for entry in fs::read_dir(&folder).map_err(failed(&folder, "list it"))? {
                let name = entry.map_err(failed(&folder, "list it"))?.file_name();
                let text = name.to_str().map(|name| format!("{}:{name}", algorithm.as_str()));
                list.extend(text.and_then(|text| text.parse::<Digest>().ok()));
            }
        }
        list.sort_unstable();
        Ok(list)
    }

    /// Reads a blob to its end and says whether it is what its name says.
    pub(super) fn is_sound(&self, digest: &Digest) -> bool {
        let Ok(Some((file, size))) = self.open_blob(digest) else { return false };
        let stream = Verified::new(file, digest, Some(size), size);
        stream.is_ok_and(|mut stream| io::copy(&mut stream, &mut io::sink()).is_ok())
    }
}
