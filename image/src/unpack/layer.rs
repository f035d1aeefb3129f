//! One layer into a directory of its own: files, links and directories there, and what it says about the
//! layers below it (whiteouts, hard links to their files) beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::sys::stat::{Mode, UtimensatFlags, fchmod, futimens, utimensat};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, fchownat, linkat, symlinkat, unlinkat};
use perry_sandbox_reference::Digest;

use super::error::{EntryFault, UnpackError};
use super::path::{EntryPath, shown};
use super::stream::{Budget, LayerStream, layer_error};
use super::tar::{Entry, Kind, TarError, TarReader};
use super::tree::{self, Found};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Other names that aufs kept for itself; they were never part of an image's tree.
const AUFS: &[u8] = b".wh..wh.";
const COPY: usize = 128 * 1024;

/// Mode, owner, and time of a directory, set when everything is in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DirMeta {
    /// Whether the archive has an entry for it, or it is only somebody's parent.
    pub(crate) explicit: bool,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: u64,
}

impl DirMeta {
    /// A directory that no entry describes.
    pub(crate) const IMPLIED: Self = Self { explicit: false, mode: 0o755, uid: 0, gid: 0, mtime: 0 };
}

/// A layer on disk, and what it says about the layers below.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) root: OwnedFd,
    pub(crate) dirs: BTreeMap<EntryPath, DirMeta>,
    pub(crate) whiteouts: BTreeSet<EntryPath>,
    pub(crate) opaque: BTreeSet<EntryPath>,
    /// Hard links whose file lies in a layer below, by their own name.
    pub(crate) links: BTreeMap<EntryPath, EntryPath>,
}

/// What is being done to which entry, for messages.
pub(crate) struct Place<'a> {
    pub(crate) layer: &'a Digest,
    pub(crate) name: &'a [u8],
}

impl Place<'_> {
    pub(crate) fn refuse(&self, fault: EntryFault) -> UnpackError {
        UnpackError::Entry { layer: self.layer.clone(), entry: shown(self.name), fault }
    }

    pub(crate) fn failed(&self, error: Errno) -> UnpackError {
        UnpackError::Io { what: shown(self.name), source: tree::io_error(error) }
    }

    fn failed_io(&self, source: io::Error) -> UnpackError {
        UnpackError::Io { what: shown(self.name), source }
    }

    /// What a failure to open a parent means.
    pub(crate) fn parent(&self, error: Errno) -> UnpackError {
        if error == Errno::ELOOP {
            self.refuse(EntryFault::SymlinkParent)
        } else if error == Errno::ENOTDIR {
            self.refuse(EntryFault::ParentKind)
        } else {
            self.failed(error)
        }
    }
}

/// Unpacks one layer into `root`, an empty directory, and checks both digests.
pub(crate) fn unpack_layer(
    stream: LayerStream<'_>,
    diff_id: &Digest,
    root: OwnedFd,
    digest: &Digest,
    budget: &Budget,
    owners: bool,
) -> Result<Layer, UnpackError> {
    let layer = Layer {
        digest: digest.clone(),
        root,
        dirs: BTreeMap::new(),
        whiteouts: BTreeSet::new(),
        opaque: BTreeSet::new(),
        links: BTreeMap::new(),
    };
    let mut writer = Writer { layer, budget, owners, parent: None };
    let mut archive = TarReader::new(stream);
    let bad = |error: TarError| match error {
        TarError::Io(error) => layer_error(digest, error),
        TarError::Format(reason) => UnpackError::Archive { layer: digest.clone(), reason: reason.to_owned() },
    };
    while let Some(entry) = archive.next_entry().map_err(bad)? {
        budget.take_entry(digest)?;
        writer.entry(&entry, &mut archive)?;
    }
    archive.into_inner().finish(diff_id)?;
    Ok(writer.layer)
}

struct Writer<'a> {
    layer: Layer,
    budget: &'a Budget,
    owners: bool,
    /// The directory of the entry before: most entries lie beside their neighbour.
    parent: Option<(EntryPath, OwnedFd)>,
}

type Archive<'a> = TarReader<LayerStream<'a>>;

impl Writer<'_> {
    fn entry(&mut self, entry: &Entry, archive: &mut Archive<'_>) -> Result<(), UnpackError> {
        let digest = self.layer.digest.clone();
        let place = Place { layer: &digest, name: &entry.name };
        let path = EntryPath::parse(&entry.name, &self.budget.limits).map_err(|fault| place.refuse(fault))?;
        let Some((parent, name)) = path.split() else {
            if entry.kind == Kind::Directory {
                return self.directory(&path, entry, &place);
            }
            return Err(place.refuse(EntryFault::Clash));
        };
        if self.whiteout(&parent, name, entry, &place)? {
            return Ok(());
        }
        match &entry.kind {
            Kind::Device => Err(place.refuse(EntryFault::Device)),
            Kind::Pipe => Err(place.refuse(EntryFault::Pipe)),
            Kind::Other => Err(place.refuse(EntryFault::Kind)),
            Kind::Directory => {
                self.enter(&parent, &place)?;
                self.directory(&path, entry, &place)
            }
            Kind::HardLink => {
                self.make_room(&path, &parent, name, &place)?;
                self.hard_link(&path, name, entry, &place)
            }
            Kind::Symlink => {
                self.make_room(&path, &parent, name, &place)?;
                self.symlink(name, entry, &place)
            }
            Kind::File | Kind::Sparse(_) => {
                self.make_room(&path, &parent, name, &place)?;
                self.file(name, entry, archive, &place)
            }
        }
    }

    /// Notes a whiteout. Its name decides, whatever kind of link or file it is; it is never put on disk.
    fn whiteout(
        &mut self,
        parent: &EntryPath,
        name: &OsStr,
        entry: &Entry,
        place: &Place<'_>,
    ) -> Result<bool, UnpackError> {
        let inside = parent.components().any(|part| part.as_bytes().starts_with(WHITEOUT));
        let Some(hidden) = name.as_bytes().strip_prefix(WHITEOUT) else {
            // Below a directory of aufs's own, such as `.wh..wh.plnk`.
            return if inside { aufs_only(parent, place) } else { Ok(false) };
        };
        if inside {
            return aufs_only(parent, place);
        }
        if name.as_bytes() == OPAQUE {
            check_whiteout(entry, place)?;
            self.layer.opaque.insert(parent.clone());
            return Ok(true);
        }
        if name.as_bytes().starts_with(AUFS) {
            return Ok(true);
        }
        // SECURITY: `.wh..` and `.wh...` would name the directory itself or its parent.
        if hidden.is_empty() || hidden == b"." || hidden == b".." {
            return Err(place.refuse(EntryFault::Whiteout));
        }
        check_whiteout(entry, place)?;
        self.layer.whiteouts.insert(parent.join(OsStr::from_bytes(hidden)));
        Ok(true)
    }

    /// Makes sure that the parent is a real directory of this layer, and opens it.
    fn enter(&mut self, parent: &EntryPath, place: &Place<'_>) -> Result<(), UnpackError> {
        if self.parent.as_ref().is_some_and(|(path, _)| path == parent) {
            return Ok(());
        }
        let dir = match tree::open_dir(&self.layer.root, parent.as_path()) {
            Ok(dir) => dir,
            Err(Errno::ENOENT) => self.make_parents(parent, place)?,
            Err(error) => return Err(place.parent(error)),
        };
        self.parent = Some((parent.clone(), dir));
        Ok(())
    }

    fn make_parents(&mut self, parent: &EntryPath, place: &Place<'_>) -> Result<OwnedFd, UnpackError> {
        let mut path = EntryPath::default();
        let mut dir =
            tree::open_dir(&self.layer.root, path.as_path()).map_err(|error| place.failed(error))?;
        for name in parent.components() {
            path = path.join(name);
            tree::make_dir(&dir, name).map_err(|error| place.failed(error))?;
            dir = tree::open_dir(&dir, name.as_ref()).map_err(|error| place.parent(error))?;
            self.layer.dirs.entry(path.clone()).or_insert(DirMeta::IMPLIED);
        }
        Ok(dir)
    }

    fn dir(&self, place: &Place<'_>) -> Result<&OwnedFd, UnpackError> {
        self.parent.as_ref().map(|(_, dir)| dir).ok_or_else(|| place.failed(Errno::EBADF))
    }

    /// Enters the parent and takes away an earlier entry of the same name: the last one counts.
    fn make_room(
        &mut self,
        path: &EntryPath,
        parent: &EntryPath,
        name: &OsStr,
        place: &Place<'_>,
    ) -> Result<(), UnpackError> {
        self.enter(parent, place)?;
        self.layer.links.remove(path);
        match tree::found(self.dir(place)?, name).map_err(|error| place.failed(error))? {
            Found::Nothing => Ok(()),
            Found::Directory => Err(place.refuse(EntryFault::Clash)),
            Found::Symlink | Found::Other => unlinkat(self.dir(place)?, name, UnlinkatFlags::NoRemoveDir)
                .map_err(|error| place.failed(error)),
        }
    }

    fn directory(&mut self, path: &EntryPath, entry: &Entry, place: &Place<'_>) -> Result<(), UnpackError> {
        let (uid, gid) = owner(entry, place)?;
        if let Some((_, name)) = path.split() {
            let dir = self.dir(place)?;
            tree::make_dir(dir, name).map_err(|error| place.failed(error))?;
            let found = tree::found(dir, name).map_err(|error| place.failed(error))?;
            if found != Found::Directory || self.layer.links.contains_key(path) {
                return Err(place.refuse(EntryFault::Clash));
            }
        }
        let meta = DirMeta { explicit: true, mode: entry.mode & 0o1777, uid, gid, mtime: entry.mtime };
        self.layer.dirs.insert(path.clone(), meta);
        Ok(())
    }

    fn file(
        &self,
        name: &OsStr,
        entry: &Entry,
        archive: &mut Archive<'_>,
        place: &Place<'_>,
    ) -> Result<(), UnpackError> {
        let (uid, gid) = owner(entry, place)?;
        let dir = self.dir(place)?;
        let mut file = File::from(tree::create_file(dir, name).map_err(|error| place.failed(error))?);
        if let Kind::Sparse(pieces) = &entry.kind {
            // Holes take no space, but whoever reads the file pays for them.
            archive.get_mut().count(entry.size)?;
            for piece in pieces {
                file.seek(SeekFrom::Start(piece.offset)).map_err(|error| place.failed_io(error))?;
                copy(archive, &mut file, piece.length, place)?;
            }
            file.set_len(entry.size).map_err(|error| place.failed_io(error))?;
        } else {
            copy(archive, &mut file, entry.size, place)?;
        }
        // SECURITY: no setuid, setgid, or sticky bit, and no extended attribute ever reaches the disk.
        let mode = Mode::from_bits_truncate(entry.mode & 0o777);
        let set = || -> nix::Result<()> {
            if self.owners {
                fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
            }
            fchmod(&file, mode)?;
            let time = timespec(entry.mtime);
            futimens(&file, &time, &time)
        };
        set().map_err(|error| place.failed(error))
    }

    fn symlink(&self, name: &OsStr, entry: &Entry, place: &Place<'_>) -> Result<(), UnpackError> {
        let (uid, gid) = owner(entry, place)?;
        if entry.link.contains(&0) {
            return Err(place.refuse(EntryFault::Nul));
        }
        if entry.link.is_empty() || entry.link.len() > self.budget.limits.path {
            return Err(place.refuse(EntryFault::Length));
        }
        let dir = self.dir(place)?;
        let set = || -> nix::Result<()> {
            symlinkat(OsStr::from_bytes(&entry.link), dir, name)?;
            if self.owners {
                let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
                fchownat(dir, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            }
            let time = timespec(entry.mtime);
            utimensat(dir, name, &time, &time, UtimensatFlags::NoFollowSymlink)
        };
        set().map_err(|error| place.failed(error))
    }

    fn hard_link(
        &mut self,
        path: &EntryPath,
        name: &OsStr,
        entry: &Entry,
        place: &Place<'_>,
    ) -> Result<(), UnpackError> {
        let target =
            EntryPath::parse(&entry.link, &self.budget.limits).map_err(|fault| place.refuse(fault))?;
        if target == *path {
            return Err(place.refuse(EntryFault::Link));
        }
        let linked = link(&self.layer.root, &target, self.dir(place)?, name);
        if matches!(linked, Err(Errno::ENOENT)) {
            self.layer.links.insert(path.clone(), target);
            return Ok(());
        }
        linked.map_err(|error| link_fault(error, place))
    }
}

/// Links `target`, below `root`, to a name; a symbolic link on the way is `ELOOP`, and one at its end is linked
/// itself.
pub(crate) fn link(root: &OwnedFd, target: &EntryPath, dir: &OwnedFd, name: &OsStr) -> nix::Result<()> {
    let Some((parent, file)) = target.split() else { return Err(Errno::EISDIR) };
    let from = tree::open_dir(root, parent.as_path())?;
    match tree::found(&from, file)? {
        Found::Nothing => Err(Errno::ENOENT),
        Found::Directory => Err(Errno::EISDIR),
        Found::Symlink | Found::Other => linkat(from.as_fd(), file, dir.as_fd(), name, AtFlags::empty()),
    }
}

/// What a failure to make a hard link means.
pub(crate) fn link_fault(error: Errno, place: &Place<'_>) -> UnpackError {
    if matches!(error, Errno::ENOENT | Errno::EISDIR | Errno::ENOTDIR) {
        place.refuse(EntryFault::Link)
    } else {
        place.parent(error)
    }
}

fn aufs_only(parent: &EntryPath, place: &Place<'_>) -> Result<bool, UnpackError> {
    let own = parent.components().any(|part| part.as_bytes().starts_with(AUFS));
    if own { Ok(true) } else { Err(place.refuse(EntryFault::Whiteout)) }
}

fn check_whiteout(entry: &Entry, place: &Place<'_>) -> Result<(), UnpackError> {
    let plain = matches!(entry.kind, Kind::File | Kind::HardLink) && entry.size == 0;
    if plain { Ok(()) } else { Err(place.refuse(EntryFault::Whiteout)) }
}

fn owner(entry: &Entry, place: &Place<'_>) -> Result<(u32, u32), UnpackError> {
    // The last number means "leave as it is" to the kernel.
    let id = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    id(entry.uid).zip(id(entry.gid)).ok_or_else(|| place.refuse(EntryFault::Owner))
}

fn copy(from: &mut Archive<'_>, to: &mut File, count: u64, place: &Place<'_>) -> Result<(), UnpackError> {
    let mut buf = vec![0_u8; usize::try_from(count).unwrap_or(COPY).clamp(1, COPY)];
    let mut left = count;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let window = buf.get_mut(..most).unwrap_or_default();
        let read = from.read(window).map_err(|error| layer_error(place.layer, error))?;
        if read == 0 {
            let reason = "an entry is shorter than its header says".to_owned();
            return Err(UnpackError::Archive { layer: place.layer.clone(), reason });
        }
        to.write_all(window.get(..read).unwrap_or_default()).map_err(|error| place.failed_io(error))?;
        left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// A time in whole seconds, no later than the year 2106, which every file system can write down.
pub(crate) fn timespec(seconds: u64) -> TimeSpec {
    TimeSpec::new(i64::from(u32::try_from(seconds).unwrap_or(u32::MAX)), 0)
}
