//! The image's folder as an archive, by descriptors: no link of the image is followed, and nothing outside is reached.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat2, readlinkat};
use nix::sys::stat::{FileStat, SFlag, fstat, fstatat};
use thiserror::Error;

use super::cpio::{About, CpioError, Inode, Kind, Writer};
use crate::native::RootError;

/// Why an image cannot be made into an archive.
#[derive(Debug, Error)]
pub(crate) enum TreeError {
    /// Something in the image cannot be put there.
    #[error("cannot put /{} of the image into the guest's memory: {source}", path.display())]
    Entry {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: CpioError,
    },
    /// A folder that must be mounted on is something else.
    #[error(transparent)]
    Root(#[from] RootError),
    /// What is not of the image cannot be put there.
    #[error("cannot put our own files into the guest's memory: {0}")]
    Ours(#[from] CpioError),
}

/// Who owns the files of an image in the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owners {
    /// Whoever owns them here: the image was unpacked by root, with its owners.
    AsHere,
    /// One user, as everything here belongs to one.
    One(u32, u32),
}

/// Where the tree is in the archive.
pub(crate) const PLACE: &str = "image";
/// Folders that are mounted on: what the image has in them is never seen.
const COVERED: [&str; 4] = ["dev", "proc", "sys", "tmp"];

/// One tree on its way into an archive.
pub(crate) struct Walk<'a, W> {
    root: BorrowedFd<'a>,
    owners: Owners,
    to: &'a mut Writer<W>,
    /// Files with several names, by device and number.
    seen: HashMap<(u64, u64), Inode>,
    /// The most names that are looked at in one folder.
    most: usize,
}

fn no_links() -> ResolveFlag {
    ResolveFlag::RESOLVE_BENEATH
        | ResolveFlag::RESOLVE_NO_SYMLINKS
        | ResolveFlag::RESOLVE_NO_MAGICLINKS
        | ResolveFlag::RESOLVE_NO_XDEV
}

fn open(dir: BorrowedFd<'_>, path: &Path, flags: OFlag) -> nix::Result<File> {
    let flags = flags | OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    openat2(dir, path, OpenHow::new().flags(flags).resolve(no_links())).map(File::from)
}

/// Appends the tree, each folder before what is in it, names in order of their bytes.
pub(crate) fn append<W: Write>(
    root: BorrowedFd<'_>,
    owners: Owners,
    most: u64,
    to: &mut Writer<W>,
) -> Result<(), TreeError> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut walk = Walk { root, owners, to, seen: HashMap::new(), most };
    let found = fstat(root).map_err(|errno| at(Path::new("."), errno))?;
    let about = walk.about(&found);
    walk.to.add(PLACE.as_bytes(), about, Kind::Folder)?;
    walk.needed()?;
    let mut open = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        open.extend(walk.folder(&folder)?);
    }
    Ok(())
}

fn at(path: &Path, errno: Errno) -> TreeError {
    TreeError::Entry { path: path.to_owned(), source: CpioError::Io(errno.into()) }
}

impl<W: Write> Walk<'_, W> {
    /// Folders that every sandbox needs: where the image has none, there is one all the same.
    fn needed(&mut self) -> Result<(), TreeError> {
        for name in COVERED {
            match fstatat(self.root, name, AtFlags::AT_SYMLINK_NOFOLLOW).map(|found| kind_of(&found)) {
                Ok(SFlag::S_IFDIR) => {}
                Ok(SFlag::S_IFLNK) => return Err(RootError::Link(name.to_owned()).into()),
                Ok(_) => return Err(RootError::NoFolder(name.to_owned()).into()),
                Err(Errno::ENOENT) => {
                    self.to.add(&place(Path::new(name)), About::ours(0o755), Kind::Folder)?;
                }
                Err(errno) => return Err(at(Path::new(name), errno)),
            }
        }
        Ok(())
    }

    /// Everything in one folder; answers the folders in it, the last first.
    fn folder(&mut self, folder: &Path) -> Result<Vec<PathBuf>, TreeError> {
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let dir = open(self.root, here, OFlag::O_DIRECTORY).map_err(|errno| at(folder, errno))?;
        let mut below = Vec::new();
        for name in self.names(&dir, folder)? {
            let path = folder.join(OsStr::from_bytes(&name));
            let found = fstatat(&dir, name.as_slice(), AtFlags::AT_SYMLINK_NOFOLLOW);
            let found = found.map_err(|errno| at(&path, errno))?;
            if kind_of(&found) == SFlag::S_IFDIR {
                self.entry(&path, &found, Kind::Folder)?;
                let covered = COVERED.iter().any(|covered| path == Path::new(covered));
                below.extend((!covered).then_some(path));
            } else {
                self.one(&dir, &path, OsStr::from_bytes(&name), &found)?;
            }
        }
        below.reverse();
        Ok(below)
    }

    /// The names in a folder, in order.
    fn names(&self, dir: &File, folder: &Path) -> Result<Vec<Vec<u8>>, TreeError> {
        let read = || -> nix::Result<Vec<Vec<u8>>> {
            // A handle of its own, as its position moves.
            let mut handle = Dir::from_fd(open(dir.as_fd(), Path::new("."), OFlag::O_DIRECTORY)?.into())?;
            let mut names = Vec::new();
            for entry in handle.iter() {
                let name = entry?.file_name().to_bytes().to_vec();
                if name != b"." && name != b".." && names.len() <= self.most {
                    names.push(name);
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        let names = read().map_err(|errno| at(folder, errno))?;
        if names.len() > self.most {
            let most = u64::try_from(self.most).unwrap_or(u64::MAX);
            let source = CpioError::TooMuch { what: "files", most };
            return Err(TreeError::Entry { path: folder.to_owned(), source });
        }
        Ok(names)
    }

    fn entry(&mut self, path: &Path, found: &FileStat, kind: Kind<'_>) -> Result<(), TreeError> {
        let about = self.about(found);
        let added = self.to.add(&place(path), about, kind);
        added.map_err(|source| TreeError::Entry { path: path.to_owned(), source })
    }

    /// What is no folder. Devices and sockets of an image are left out: the one could be opened by nobody, and there is
    /// nobody behind the other.
    fn one(&mut self, dir: &File, path: &Path, name: &OsStr, found: &FileStat) -> Result<(), TreeError> {
        match kind_of(found) {
            SFlag::S_IFLNK => {
                let target = readlinkat(dir, name).map_err(|errno| at(path, errno))?;
                self.entry(path, found, Kind::Link(target.as_bytes()))
            }
            SFlag::S_IFIFO => self.entry(path, found, Kind::Pipe),
            SFlag::S_IFREG => self
                .file(dir, path, name)
                .map_err(|source| TreeError::Entry { path: path.to_owned(), source }),
            _ => Ok(()),
        }
    }

    fn file(&mut self, dir: &File, path: &Path, name: &OsStr) -> Result<(), CpioError> {
        let io = |errno: Errno| CpioError::Io(errno.into());
        let mut file = open(dir.as_fd(), Path::new(name), OFlag::O_NONBLOCK | OFlag::O_NOCTTY).map_err(io)?;
        let found = fstat(&file).map_err(io)?;
        if kind_of(&found) != SFlag::S_IFREG {
            return Err(CpioError::Changed);
        }
        let about = self.about(&found);
        let key = (found.st_dev, found.st_ino);
        if let Some(inode) = self.seen.get(&key) {
            return self.to.again(&place(path), about, *inode);
        }
        let several = found.st_nlink > 1;
        let size = u64::try_from(found.st_size).map_err(|_| CpioError::Changed)?;
        let inode = self.to.file(&place(path), about, &mut file, (size, several))?;
        if several {
            self.seen.insert(key, inode);
        }
        Ok(())
    }

    fn about(&self, found: &FileStat) -> About {
        let owner = match self.owners {
            Owners::AsHere => (found.st_uid, found.st_gid),
            Owners::One(uid, gid) => (uid, gid),
        };
        let modified = u32::try_from(found.st_mtime.max(0)).unwrap_or(u32::MAX);
        About { mode: found.st_mode, owner, modified }
    }
}

/// The name in the archive.
fn place(path: &Path) -> Vec<u8> {
    [PLACE.as_bytes(), b"/", path.as_os_str().as_bytes()].concat()
}

fn kind_of(found: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT
}
