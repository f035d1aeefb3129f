//! Opening files below a directory handle, and nothing outside it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd;
use std::path::Path;

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::Mode;

use crate::source::ReadError;

/// Opens a regular file below `dir` for reading; never a device, and never waiting on a pipe.
// SECURITY: a folder may hold a symbolic link out of itself, or a pipe with nobody at the other end.
pub(crate) fn open_below(dir: impl AsFd, path: &Path) -> io::Result<File> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let file = File::from(openat2(dir.as_fd(), path, how)?);
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
}

/// Opens a directory by the path that a person gave.
pub(crate) fn open_dir(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_DIRECTORY;
    Ok(File::from(nix::fcntl::open(path, flags, Mode::empty())?))
}

/// Reads a whole small file, refusing one that is larger than `limit` bytes.
pub(crate) fn read_small(file: File, what: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
    let io = |source| ReadError::Io { what: what.to_owned(), source };
    let size = file.metadata().map_err(io)?.len();
    // The file may grow while it is read, so its length now is only a guess.
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or(0).saturating_add(1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(io)?;
    let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > limit || count > limit {
        return Err(ReadError::TooLarge { what: what.to_owned(), size: size.max(count), limit });
    }
    Ok(bytes)
}
