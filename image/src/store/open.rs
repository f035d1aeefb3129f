//! Opening the store, its folders, and its lock.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::StoreError;
use crate::limits::UnpackLimits;

/// How long the exclusive lock is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
const FOLDERS: [&str; 6] = ["blobs", "blobs/sha256", "blobs/sha512", "images", "rootfs", "tmp"];

/// A content store in a folder that only its owner can enter.
///
/// Every file comes into being under a temporary name, is synced, and is then renamed, so a process may be
/// killed at any point. Any number of processes may use one store at the same time.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    pub(super) limits: UnpackLimits,
}

impl Store {
    /// Opens the store in `root`, and creates it, owner-only, if it is not there.
    ///
    /// # Errors
    /// [`StoreError::NotOwn`] when the folder belongs to somebody else or is open to others.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.to_owned(), limits: UnpackLimits::default() };
        let own = |path: &Path| {
            DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed(path, "create it"))
        };
        own(root)?;
        let metadata = fs::metadata(root).map_err(failed(root, "look at it"))?;
        let not_own = |found, remedy| StoreError::NotOwn { path: root.to_owned(), found, remedy };
        if metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Err(not_own("belongs to another user", "name another data folder"));
        }
        // SECURITY: whoever can write here chooses what runs after it was verified.
        if metadata.mode() & 0o077 != 0 {
            return Err(not_own("is open to other users", "make it yours alone with `chmod 700`"));
        }
        for folder in FOLDERS {
            own(&root.join(folder))?;
        }
        Ok(store)
    }

    /// The same store with other limits for unpacking.
    #[must_use]
    pub fn with_limits(mut self, limits: UnpackLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn lock_file(&self) -> Result<File, StoreError> {
        let path = self.root.join("lock");
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).clone();
        options.open(&path).map_err(failed(&path, "open its lock"))
    }

    /// Held while content is added or used: nothing is pruned meanwhile.
    pub(super) fn share(&self) -> Result<File, StoreError> {
        let file = self.lock_file()?;
        file.lock_shared().map_err(failed(&self.root, "lock it"))?;
        Ok(file)
    }

    /// Held while content is removed: nobody adds or unpacks meanwhile.
    pub(super) fn seize(&self) -> Result<File, StoreError> {
        let file = self.lock_file()?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(source)) => return Err(failed(&self.root, "lock it")(source)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= PATIENCE => {
                    return Err(StoreError::Busy { path: self.root.clone() });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Wraps a failure of the system with the file it happened to.
pub(super) fn failed(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StoreError + use<> {
    let path = path.to_owned();
    move |source| StoreError::Io { path, what, source }
}
