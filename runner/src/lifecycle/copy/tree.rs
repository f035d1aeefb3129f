//! A tree from one folder into another, by descriptors alone.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat, renameat};
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, geteuid, setfsgid, setfsuid, symlinkat, unlinkat};

use super::error::CopyError;
use super::files::CopyBounds;

/// Something that is looked at, and never by its name again.
pub(super) struct Node {
    file: File,
    pub(super) metadata: Metadata,
    /// Its path, for people.
    pub(super) path: PathBuf,
}

impl Node {
    /// What a descriptor stands for that was opened for its place only.
    pub(super) fn of(descriptor: OwnedFd, path: PathBuf) -> Result<Self, CopyError> {
        let file = File::from(descriptor);
        let metadata = file.metadata().map_err(CopyError::io("look at", &path))?;
        Ok(Self { file, metadata, path })
    }

    /// Its entries, of which one more than these is read at most. The kernel gives single names.
    fn entries(&self, most: u64) -> Result<Vec<OsString>, CopyError> {
        let failed = || CopyError::io("list", &self.path);
        let entries = std::fs::read_dir(self.by_descriptor()).map_err(|error| failed()(error))?;
        let entries = entries.take(usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1));
        entries.map(|entry| Ok(entry.map_err(|error: io::Error| failed()(error))?.file_name())).collect()
    }

    /// One of its entries, itself where it is a link.
    fn entry(&self, name: &OsStr) -> Result<Self, CopyError> {
        let path = self.path.join(name);
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = openat(&self.file, name, flags, Mode::empty());
        Self::of(opened.map_err(CopyError::io("open", &path))?, path)
    }

    /// Opens what it stands for, to be read; a pipe does not hold us.
    fn open(&self) -> Result<File, CopyError> {
        let mut options = File::options();
        options.read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC);
        options.open(self.by_descriptor()).map_err(CopyError::io("read", &self.path))
    }

    fn too_much(&self, what: &'static str) -> CopyError {
        CopyError::TooMuch { path: self.path.clone(), what }
    }

    fn by_descriptor(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }
}

/// A folder in which something is made.
pub(super) struct Place {
    file: File,
    /// As whom: what a folder's file system is for may know no other users.
    owner: Option<(u32, u32)>,
    path: PathBuf,
}

impl Place {
    /// This folder, as ourselves.
    pub(super) fn ours(file: File, path: PathBuf) -> Self {
        Self { file, owner: None, path }
    }

    /// This folder, as its owner, where we may be that.
    pub(super) fn its_owners(file: File, path: PathBuf) -> Result<Self, CopyError> {
        let metadata = file.metadata().map_err(CopyError::io("look at", &path))?;
        let owner = geteuid().is_root().then(|| (metadata.uid(), metadata.gid()));
        Ok(Self { file, owner, path })
    }

    /// Does something with the rights of whoever things belong to in here, and no others.
    fn as_owner<T>(&self, act: impl FnOnce() -> T) -> T {
        let Some((uid, gid)) = self.owner else { return act() };
        // The group first: whoever has become another user may not change it. They hold for this thread only.
        let group = setfsgid(Gid::from_raw(gid));
        let user = setfsuid(Uid::from_raw(uid));
        let done = act();
        setfsuid(user);
        setfsgid(group);
        done
    }
}

/// What is left of the bounds of one copy.
pub(super) struct Copy {
    left: CopyBounds,
    /// Names that are taken for a moment.
    temporary: u64,
}

impl Copy {
    pub(super) const fn within(bounds: CopyBounds) -> Self {
        Self { left: bounds, temporary: 0 }
    }

    /// Copies something to this name.
    pub(super) fn copy(
        &mut self,
        from: &Node,
        to: &Place,
        name: &OsStr,
        depth: u32,
    ) -> Result<(), CopyError> {
        self.take_entries(1, from)?;
        self.one(from, to, name, depth)
    }

    fn take_entries(&mut self, count: u64, from: &Node) -> Result<(), CopyError> {
        let left = self.left.entries.checked_sub(count);
        self.left.entries = left.ok_or_else(|| from.too_much("too many entries"))?;
        Ok(())
    }

    fn one(&mut self, from: &Node, to: &Place, name: &OsStr, depth: u32) -> Result<(), CopyError> {
        if depth > self.left.depth {
            return Err(from.too_much("too many folders in folders"));
        }
        let kind = from.metadata.file_type();
        if kind.is_dir() {
            self.folder(from, to, name, depth)
        } else if kind.is_file() {
            self.file(from, to, name)
        } else if kind.is_symlink() {
            self.link(from, to, name)
        } else {
            Err(CopyError::Kind(from.path.clone()))
        }
    }

    /// Everything that is in a folder.
    pub(super) fn contents(&mut self, from: &Node, to: &Place, depth: u32) -> Result<(), CopyError> {
        let names = from.entries(self.left.entries)?;
        // All at once, since all names are kept until they are copied: those of the folders above as well.
        self.take_entries(u64::try_from(names.len()).unwrap_or(u64::MAX), from)?;
        for name in names {
            self.one(&from.entry(&name)?, to, &name, depth.saturating_add(1))?;
        }
        Ok(())
    }

    fn folder(&mut self, from: &Node, to: &Place, name: &OsStr, depth: u32) -> Result<(), CopyError> {
        let path = to.path.join(name);
        let made = to.as_owner(|| mkdirat(&to.file, name, Mode::S_IRWXU));
        let is_new = match made {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(errno) => return Err(CopyError::io("make", &path)(errno)),
        };
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = to.as_owner(|| openat(&to.file, name, flags, Mode::empty()));
        let file = File::from(opened.map_err(CopyError::io("open", &path))?);
        let place = Place { file, owner: to.owner, path };
        self.contents(from, &place, depth)?;
        if is_new {
            let rights = Permissions::from_mode(from.metadata.mode() & 0o777);
            let set = to.as_owner(|| place.file.set_permissions(rights));
            set.map_err(CopyError::io("give its rights to", &place.path))?;
        }
        Ok(())
    }

    fn file(&mut self, from: &Node, to: &Place, name: &OsStr) -> Result<(), CopyError> {
        // SECURITY: counted before it is read, by its size: holes and hard links take no room inside, and do here.
        let bytes = self.left.bytes.checked_sub(from.metadata.size());
        self.left.bytes = bytes.ok_or_else(|| from.too_much("too many bytes"))?;
        let source = from.open()?;
        self.replace(to, name, |temporary| {
            let flags =
                OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let made = to.as_owner(|| openat(&to.file, temporary, flags, Mode::S_IRUSR | Mode::S_IWUSR))?;
            let mut made = File::from(made);
            // One that grows while it is read has an end.
            io::copy(&mut source.take(from.metadata.size()), &mut made)?;
            let rights = Permissions::from_mode(from.metadata.mode() & 0o777);
            to.as_owner(|| made.set_permissions(rights))
        })
    }

    fn link(&mut self, from: &Node, to: &Place, name: &OsStr) -> Result<(), CopyError> {
        let target = readlinkat(&from.file, Path::new("")).map_err(CopyError::io("read", &from.path))?;
        self.replace(to, name, |temporary| {
            to.as_owner(|| symlinkat(target.as_os_str(), &to.file, temporary)).map_err(io::Error::from)
        })
    }

    /// Makes something under a name that nobody has, and then puts it in its place: what was there is not written to.
    fn replace(
        &mut self,
        to: &Place,
        name: &OsStr,
        make: impl FnOnce(&OsStr) -> io::Result<()>,
    ) -> Result<(), CopyError> {
        self.temporary = self.temporary.saturating_add(1);
        let temporary = OsString::from(format!(".perry-cp.{}.{}", std::process::id(), self.temporary));
        let done = make(&temporary).and_then(|()| {
            to.as_owner(|| renameat(&to.file, &*temporary, &to.file, name)).map_err(io::Error::from)
        });
        done.map_err(|error| {
            // What was not made is not there.
            to.as_owner(|| unlinkat(&to.file, &*temporary, UnlinkatFlags::NoRemoveDir)).ok();
            CopyError::io("write", &to.path.join(name))(error)
        })
    }
}
