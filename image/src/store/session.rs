//! A folder for the unfinished work of one process, and the removal of what dead processes left.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::error::StoreError;
use super::open::{Store, failed};
use crate::files::open_dir;
use crate::unpack::tree;

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A folder below `tmp/`. Its lock lives as long as the process, so whoever can take it knows that the
/// folder is nobody's any more.
#[derive(Debug)]
pub(super) struct Session {
    tmp: File,
    name: OsString,
    path: PathBuf,
    dir: File,
}

impl Session {
    /// Makes a folder for this piece of work, after removing those of dead processes.
    pub(super) fn begin(store: &Store) -> Result<Self, StoreError> {
        let tmp_path = store.root().join("tmp");
        let tmp = open_dir(&tmp_path).map_err(failed(&tmp_path, "open it"))?;
        reap(&tmp, &tmp_path);
        loop {
            let name = unique();
            let path = tmp_path.join(&name);
            let made = fs::DirBuilder::new().mode(0o700).create(&path);
            match made {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                other => other.map_err(failed(&path, "create it"))?,
            }
            // Between its creation and its lock another process may take the folder for a dead one's.
            let Ok(dir) = open_dir(&path) else { continue };
            dir.lock().map_err(failed(&path, "lock it"))?;
            if is_same(&dir, &path) {
                return Ok(Self { tmp, name, path, dir });
            }
        }
    }

    /// A new, empty folder in the session.
    pub(super) fn folder(&self, name: &str) -> io::Result<(PathBuf, OwnedFd)> {
        tree::make_dir(&self.dir, name.as_ref()).map_err(tree::io_error)?;
        let dir = tree::open_dir(&self.dir, name.as_ref()).map_err(tree::io_error)?;
        Ok((self.path.join(name), dir))
    }

    /// A new file with a name of its own.
    pub(super) fn file(&self) -> io::Result<(PathBuf, File)> {
        let name = unique();
        let file = tree::create_file(&self.dir, &name).map_err(tree::io_error)?;
        Ok((self.path.join(name), File::from(file)))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next session.
        tree::remove(&self.tmp, &self.name).unwrap_or_default();
    }
}

/// Removes the folders whose owner is gone.
fn reap(tmp: &File, path: &Path) {
    for name in tree::names(tmp).unwrap_or_default() {
        let Ok(dir) = open_dir(&path.join(&name)) else { continue };
        if dir.try_lock().is_ok() {
            tree::remove(tmp, &name).unwrap_or_default();
        }
    }
}

/// How many folders of dead processes there are.
pub(super) fn abandoned(store: &Store) -> usize {
    let path = store.root().join("tmp");
    let Ok(tmp) = open_dir(&path) else { return 0 };
    let dead = |name: &OsString| {
        let dir = open_dir(&path.join(name));
        dir.is_ok_and(|dir| !matches!(dir.try_lock(), Err(TryLockError::WouldBlock)))
    };
    tree::names(&tmp).unwrap_or_default().iter().filter(|name| dead(name)).count()
}

fn is_same(dir: &File, path: &Path) -> bool {
    let ids = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    dir.metadata().ok().map(ids) == fs::symlink_metadata(path).ok().map(ids)
}

/// A name that no other piece of work has: uniqueness is held by `O_EXCL`, this only makes it likely.
fn unique() -> OsString {
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos());
    format!("{}-{count}-{now:x}", std::process::id()).into()
}

/// Writes a small file under a temporary name, syncs it, and renames it to `to`.
pub(super) fn publish(session: &Session, store: &Store, to: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let (from, mut file) = session.file().map_err(failed(to, "create it"))?;
    file.write_all(bytes).map_err(failed(to, "write it"))?;
    settle(store, &file, &from, to)
}

/// Syncs a finished file, renames it to `to`, and syncs the folder.
pub(super) fn settle(store: &Store, file: &File, from: &Path, to: &Path) -> Result<(), StoreError> {
    file.sync_all().map_err(failed(to, "sync it"))?;
    fs::rename(from, to).map_err(failed(to, "rename it into place"))?;
    sync_parent(store, to)
}

fn sync_parent(store: &Store, path: &Path) -> Result<(), StoreError> {
    let parent = path.parent().unwrap_or(store.root());
    let dir = open_dir(parent).map_err(failed(parent, "open it"))?;
    dir.sync_all().map_err(failed(parent, "sync it"))
}
