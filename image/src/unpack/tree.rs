//! Work on a tree below a directory handle: nothing here follows a symbolic link or takes a path from the
//! root of the file system.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, SFlag, fchmodat, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// Mode of directories while an image is being unpacked: its own modes come last, so that a directory that
/// its owner may not enter can still be filled.
const WORKING: Mode = Mode::S_IRWXU;

/// What stands at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Directory,
    Symlink,
    Other,
}

fn no_links() -> ResolveFlag {
    ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS
        | ResolveFlag::RESOLVE_NO_XDEV
}

/// Opens a directory below `dir`; a symbolic link anywhere on the way is `ELOOP`.
pub(crate) fn open_dir(dir: impl AsFd, path: &Path) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    openat2(dir, path, OpenHow::new().flags(flags).resolve(no_links()))
}

/// Creates a new file; whatever stands there already is an error.
pub(crate) fn create_file(dir: impl AsFd, name: &OsStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let how = OpenHow::new().flags(flags).mode(Mode::S_IRUSR | Mode::S_IWUSR).resolve(no_links());
    openat2(dir, name, how)
}

/// Creates a directory that its owner may fill, or leaves the one that is there.
pub(crate) fn make_dir(dir: impl AsFd, name: &OsStr) -> nix::Result<()> {
    match mkdirat(dir, name, WORKING) {
        Err(Errno::EEXIST) => Ok(()),
        other => other,
    }
}

/// What stands at a single name in `dir`.
pub(crate) fn found(dir: impl AsFd, name: &OsStr) -> nix::Result<Found> {
    match stat(dir, name) {
        Ok(stat) => Ok(kind(&stat)),
        Err(Errno::ENOENT) => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

pub(crate) fn stat(dir: impl AsFd, name: &OsStr) -> nix::Result<FileStat> {
    fstatat(dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)
}

fn kind(stat: &FileStat) -> Found {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFDIR => Found::Directory,
        SFlag::S_IFLNK => Found::Symlink,
        _ => Found::Other,
    }
}

/// The names in a directory, sorted, without `.` and `..`.
pub(crate) fn names(dir: impl AsFd) -> nix::Result<Vec<OsString>> {
    // A handle of its own, so that the position of the caller's is not moved.
    let mut handle = Dir::from_fd(open_dir(dir, Path::new("."))?)?;
    let mut list = Vec::new();
    for entry in handle.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            list.push(OsStr::from_bytes(name).to_owned());
        }
    }
    list.sort_unstable();
    Ok(list)
}

/// Removes whatever stands at a name, with everything below it; nothing there is fine.
pub(crate) fn remove(dir: impl AsFd, name: &OsStr) -> nix::Result<()> {
    match found(&dir, name)? {
        Found::Nothing => return Ok(()),
        Found::Symlink | Found::Other => return unlinkat(dir, name, UnlinkatFlags::NoRemoveDir),
        Found::Directory => {}
    }
    // A directory of an image may have a mode that keeps its owner out.
    fchmodat(&dir, name, WORKING, FchmodatFlags::FollowSymlink)?;
    let inner = open_dir(&dir, Path::new(name))?;
    remove_children(&inner)?;
    unlinkat(dir, name, UnlinkatFlags::RemoveDir)
}

/// Removes everything in a directory, but not the directory.
pub(crate) fn remove_children(dir: impl AsFd) -> nix::Result<()> {
    for name in names(&dir)? {
        remove(&dir, &name)?;
    }
    Ok(())
}

pub(crate) fn io_error(error: Errno) -> io::Error {
    io::Error::from(error)
}
