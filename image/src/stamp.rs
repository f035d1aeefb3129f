//! What changes when a file does.

use std::fmt;
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::AtFlags;
use nix::sys::stat::fstatat;
use serde::{Deserialize, Serialize};

/// Changes whenever the file or folder, or who may write it, does. Not a proof of anything: it only says when something
/// is worth reading again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    place: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileStamp {
    /// The stamp of what is there now, if something is.
    pub fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::from(&metadata))
    }

    /// The stamp of what is at `path` below an open folder: without the way to that folder, which is most of what looking
    /// at a file takes.
    pub(crate) fn below(folder: &File, path: &Path) -> Option<Self> {
        let found = fstatat(folder, path, AtFlags::empty()).ok()?;
        Some(Self {
            place: (found.st_dev, found.st_ino),
            size: u64::try_from(found.st_size).ok()?,
            modified: (found.st_mtime, found.st_mtime_nsec),
            changed: (found.st_ctime, found.st_ctime_nsec),
        })
    }

    /// Whether what is there now has this stamp.
    pub fn holds(self, path: &Path) -> bool {
        Self::of(path) == Some(self)
    }

    /// How long before `now` (since 1970) the last change was; nothing where the clock doubts it.
    ///
    /// Time stamps are coarse: what changed a moment ago may change again and keep its stamp.
    pub fn age(self, now: Duration) -> Option<Duration> {
        let (seconds, nanos) = self.changed;
        let changed = Duration::new(u64::try_from(seconds).ok()?, u32::try_from(nanos).ok()?);
        now.checked_sub(changed)
    }
}

impl From<&Metadata> for FileStamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl fmt::Display for FileStamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place: (device, inode), size, modified, changed } = self;
        let times = [modified.0, modified.1, changed.0, changed.1];
        write!(f, "{device}:{inode}:{size}:{times:?}")
    }
}
