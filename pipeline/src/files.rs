//! Reading the files that a policy or a flag names: bounded, and refused where others could have written them.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::OFlag;
use perry_sandbox_image::{FileStamp, io_remedy};
use perry_sandbox_policy::{MAX_DOCUMENTS, TrustFolderError, check_document_name};
use thiserror::Error;

use crate::owned::{refuse_others, refuse_writable};

/// A file that changed so shortly before it was read may change again without a newer time stamp.
pub(crate) const SETTLED: Duration = Duration::from_secs(2);

/// Whether a file's last change is long enough past that the next one will show.
pub(crate) fn is_settled(stamp: &FileStamp) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    stamp.age(now).is_some_and(|age| age > SETTLED)
}

/// Why a file is not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refused.
    #[error("cannot read `{path}`: {source}{}", io_remedy(source), path = .path.display())]
    Io {
        /// What was opened.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not a regular file.
    #[error("`{}` is not a regular file: name the file itself", .0.display())]
    NotAFile(PathBuf),
    /// A folder of trust roots with something else in it.
    #[error("the folder `{path}` cannot be used: {why}", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Larger than anything useful.
    #[error("`{path}` is larger than {limit} bytes, so it is not what is read here: name another file", path = .path.display())]
    TooLarge {
        /// What was opened.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Not text.
    #[error("`{}` is not UTF-8 text, so it is not what is read here: name another file", .0.display())]
    NotText(PathBuf),
    /// Somebody else could change what is decided.
    #[error("`{path}` can be written by {who}, who could change what is decided: take the right away (chmod go-w)", path = .path.display())]
    Writable {
        /// The file or its folder.
        path: PathBuf,
        /// Who.
        who: &'static str,
    },
}

/// Reads a whole file of at most `limit` bytes.
///
/// # Errors
/// It cannot be read, is no regular file, or is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let file = open(path).map_err(failed)?;
    read_open(file, path, limit)
}

/// Reads a key or trust root that the user named by a flag: not one that everybody can write.
pub(crate) fn read_unshared(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let file = open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.mode() & 0o002 != 0 {
        return Err(FileError::Writable { path: path.to_owned(), who: "everybody" });
    }
    read_open(file, path, limit)
}

/// The names of the files in a folder of trust roots, in order. Nothing else may be in it, and no link: what is listed is
/// what is trusted.
///
/// # Errors
/// It cannot be read, or has something else in it.
pub(crate) fn documents_in(folder: &Path) -> Result<Vec<String>, FileError> {
    let failed = |source| FileError::Io { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        check_document_name(&name)
            .map_err(|why| FileError::Folder { path: folder.to_owned(), why: why.to_string() })?;
        if !entry.file_type().map_err(failed)?.is_file() {
            return Err(FileError::NotAFile(entry.path()));
        }
        names.push(name);
        if names.len() > MAX_DOCUMENTS {
            let why = TrustFolderError::TooMany.to_string();
            return Err(FileError::Folder { path: folder.to_owned(), why });
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a path that a flag names is a folder, and not one that everybody can write to.
pub(crate) fn is_unshared_folder(path: &Path) -> Result<bool, FileError> {
    let metadata = path.metadata().map_err(|source| FileError::Io { path: path.to_owned(), source })?;
    if metadata.is_dir() && metadata.mode() & 0o002 != 0 {
        return Err(FileError::Writable { path: path.to_owned(), who: "everybody" });
    }
    Ok(metadata.is_dir())
}

/// Reads a file that decides about trust: neither it nor any folder or link on the way to it may be writable by others
/// than root and `uid`, as ssh asks of keys.
///
/// # Errors
/// As [`read`], or somebody else could have written it.
pub fn read_trusted(path: &Path, limit: u64, uid: u32) -> Result<Vec<u8>, FileError> {
    read_seen(path, limit, uid).map(|(bytes, _)| bytes)
}

/// A file that was read, and its folder: as long as both are the same, reading again gives the same.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The file.
    pub(crate) path: PathBuf,
    stamp: FileStamp,
    folder: PathBuf,
    folder_stamp: FileStamp,
}

impl Seen {
    /// Whether file and folder are as they were.
    pub(crate) fn holds(&self) -> bool {
        self.stamp.holds(&self.path) && self.folder_stamp.holds(&self.folder)
    }

    /// Whether the last change is long enough past that the next one will show.
    pub(crate) fn is_settled(&self) -> bool {
        is_settled(&self.stamp) && is_settled(&self.folder_stamp)
    }
}

/// As [`read_trusted`], with what was seen.
pub(crate) fn read_seen(path: &Path, limit: u64, uid: u32) -> Result<(Vec<u8>, Seen), FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    refuse_writable(path, &metadata, uid)?;
    refuse_others(path, uid)?;
    let resolved = path.canonicalize().map_err(failed)?;
    let folder = resolved.parent().unwrap_or(Path::new("/"));
    let above = folder.metadata().map_err(failed)?;
    let seen = Seen {
        path: path.to_owned(),
        stamp: FileStamp::from(&metadata),
        folder: folder.to_owned(),
        folder_stamp: FileStamp::from(&above),
    };
    Ok((read_open(file, path, limit)?, seen))
}

/// Opens without waiting for a writer, should the path be a pipe.
fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

fn read_open(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile(path.to_owned()));
    }
    // The file may grow while it is read, so its length now is only a guess.
    let mut bytes =
        Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0).saturating_add(1));
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(read).is_ok_and(|read| read <= limit) {
        Ok(bytes)
    } else {
        Err(FileError::TooLarge { path: path.to_owned(), limit })
    }
}

/// Reads text.
///
/// # Errors
/// The bytes are not UTF-8.
pub fn into_text(bytes: Vec<u8>, path: &Path) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|_| FileError::NotText(path.to_owned()))
}
