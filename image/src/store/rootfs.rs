//! Unpacked images: one folder for each chain of layers, complete from the moment it has its name.
//!
//! A tree is not synced: that would wait for everything else on the file system, too. Instead it says in which
//! boot it was unpacked. A killed process loses nothing of what it wrote, and after a crash of the machine, the
//! boot is another one and the tree is unpacked again from blobs, which are synced and checked.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use perry_sandbox_reference::Digest;

use super::error::StoreError;
use super::open::{Store, failed};
use super::session::Session;
use crate::descriptor::Descriptor;
use crate::files::open_dir;
use crate::progress::Progress;
use crate::resolve::ResolvedImage;
use crate::source::Source;
use crate::unpack::{Job, tree, unpack};

/// The tree, inside the folder that bears the chain's name.
const TREE: &str = "root";
/// The boot that it was unpacked in.
const BOOT: &str = "boot";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// An unpacked image. As long as this value lives, no process removes it.
#[derive(Debug)]
pub struct Rootfs {
    chain: Digest,
    path: PathBuf,
    dir: OwnedFd,
    lock: File,
}

impl Rootfs {
    /// The tree that the program sees as `/`.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store that it lies in: its data folder.
    pub fn store(&self) -> &Path {
        // The tree, the chain's folder, `rootfs`, the store.
        self.path.ancestors().nth(3).unwrap_or(&self.path)
    }

    /// A handle on the tree, opened without following links.
    pub fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// What keeps the tree as this value does, for a process that outlives it: the lock goes with its last descriptor.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn hold(&self) -> io::Result<OwnedFd> {
        Ok(self.lock.try_clone()?.into())
    }

    /// The chain of layers that it was unpacked from.
    pub fn chain(&self) -> &Digest {
        &self.chain
    }
}

/// The name of a stack of layers by the image spec's rule: the lowest layer's own digest, then the digest of
/// the chain so far and the next layer's.
pub fn chain_digest(diff_ids: &[Digest]) -> Digest {
    let mut ids = diff_ids.iter();
    let Some(lowest) = ids.next() else { return Digest::of(b"") };
    ids.fold(lowest.clone(), |chain, next| Digest::of(format!("{chain} {next}").as_bytes()))
}

/// This boot's name; a machine that does not say has one boot, which ends with this process.
fn boot() -> Vec<u8> {
    let unknown = || format!("process {}", std::process::id()).into_bytes();
    fs::read(BOOT_ID).ok().filter(|id| !id.is_empty()).unwrap_or_else(unknown)
}

impl Store {
    fn rootfs_path(&self, chain: &Digest) -> PathBuf {
        self.root().join("rootfs").join(chain.hex())
    }

    /// The unpacked image for these layers, if it is there: no hashing, no unpacking.
    ///
    /// # Errors
    /// [`StoreError`] when it is there but cannot be opened.
    pub fn unpacked(&self, diff_ids: &[Digest]) -> Result<Option<Rootfs>, StoreError> {
        self.open_rootfs(&chain_digest(diff_ids))
    }

    /// The unpacked image, if it is there and its layers at the source are still the files that were hashed when
    /// it was pulled by this name; otherwise, and where it was never pulled by this name, [`Store::pull`] is to hash them again. No layer is read.
    ///
    /// # Errors
    /// [`StoreError`] when it is there but cannot be opened.
    pub fn ready(
        &self,
        source: &dyn Source,
        image: &ResolvedImage,
        name: &str,
        diff_ids: &[Digest],
    ) -> Result<Option<Rootfs>, StoreError> {
        let Some(known) = self.stamps(name, image.manifest_digest()) else { return Ok(None) };
        let same = |layer: &Descriptor| source.stamp(&layer.digest).as_ref() == known.get(&layer.digest);
        if image.layers().iter().all(same) { self.unpacked(diff_ids) } else { Ok(None) }
    }

    fn open_rootfs(&self, chain: &Digest) -> Result<Option<Rootfs>, StoreError> {
        let folder = self.rootfs_path(chain);
        let lock = match open_dir(&folder) {
            Ok(dir) => dir,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&folder, "open it")(error)),
        };
        lock.lock_shared().map_err(failed(&folder, "lock it"))?;
        let path = folder.join(TREE);
        if fs::read(folder.join(BOOT)).ok() != Some(boot()) {
            return Ok(None);
        }
        // Somebody may have pruned it before the lock was ours.
        match tree::open_dir(&lock, TREE.as_ref()) {
            Ok(dir) => Ok(Some(Rootfs { chain: chain.clone(), path, dir, lock })),
            Err(nix::errno::Errno::ENOENT) => Ok(None),
            Err(error) => Err(failed(&path, "open it")(tree::io_error(error))),
        }
    }

    /// The image as a tree: unpacked now, from the blobs in the store, if it is not there yet. Every layer is
    /// checked against its digest and against the config while it streams by.
    ///
    /// # Errors
    /// [`StoreError`]; nothing of it is left then.
    pub fn rootfs(&self, image: &ResolvedImage, progress: &dyn Progress) -> Result<Rootfs, StoreError> {
        let source = self.contents();
        let config = image.config(&source)?;
        let chain = chain_digest(&config.diff_ids);
        if let Some(ready) = self.open_rootfs(&chain)? {
            return Ok(ready);
        }
        let _share = self.share()?;
        let _turn = self.turn(&chain)?;
        if let Some(ready) = self.open_rootfs(&chain)? {
            return Ok(ready);
        }
        let session = Session::begin(self)?;
        let (work, place) = session.folder("layers").map_err(failed(self.root(), "make a folder"))?;
        let total = image.layers().iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.size));
        progress.start("unpack", total);
        let job = Job {
            source: &source,
            layers: image.layers(),
            diff_ids: &config.diff_ids,
            limits: self.limits.clone(),
            place: &place,
            owners: nix::unistd::geteuid().is_root(),
        };
        let unpacked = unpack(&job, progress);
        progress.done();
        self.publish_rootfs(&session, &work.join(unpacked?), &chain)?;
        self.open_rootfs(&chain)?.ok_or(StoreError::Missing { digest: chain })
    }

    /// Gives the finished tree its name, in one step.
    fn publish_rootfs(&self, session: &Session, tree: &Path, chain: &Digest) -> Result<(), StoreError> {
        let (folder, _) = session.folder("rootfs").map_err(failed(tree, "make a folder"))?;
        // The image's own mode may forbid what moving a directory needs; it is put back after the move.
        let metadata = fs::symlink_metadata(tree).map_err(failed(tree, "look at it"))?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(tree, open).map_err(failed(tree, "open it"))?;
        let inside = folder.join(TREE);
        fs::rename(tree, &inside).map_err(failed(&inside, "rename it into place"))?;
        fs::set_permissions(&inside, metadata.permissions()).map_err(failed(&inside, "close it"))?;
        fs::write(folder.join(BOOT), boot()).map_err(failed(&folder, "write to it"))?;
        let to = self.rootfs_path(chain);
        // A tree of an earlier boot goes, with the session, to make room.
        let (stale, _) = session.folder("stale").map_err(failed(&to, "make a folder"))?;
        match fs::rename(&to, stale.join("rootfs")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other.map_err(failed(&to, "move it away"))?,
        }
        fs::rename(&folder, &to).map_err(failed(&to, "rename it into place"))
    }

    /// Held by the one process that unpacks this chain; the others wait and then find it done.
    fn turn(&self, chain: &Digest) -> Result<File, StoreError> {
        let path = self.root().join("rootfs").join(format!("{}.lock", chain.hex()));
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).map_err(failed(&path, "open it"))?;
        file.lock().map_err(failed(&path, "lock it"))?;
        Ok(file)
    }

    /// Removes the trees that no listed image needs and no process uses; gives their chains.
    pub(super) fn prune_rootfs(&self, keep: &dyn Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
        let folder = self.root().join("rootfs");
        let dir = open_dir(&folder).map_err(failed(&folder, "open it"))?;
        let fail = |error| failed(&folder, "prune it")(tree::io_error(error));
        let mut removed = Vec::new();
        for name in tree::names(&dir).map_err(fail)? {
            let Some(text) = name.to_str() else { continue };
            if text.strip_suffix(".lock").is_some() {
                // Nobody is unpacking: that needs the lock which the pruning process holds.
                tree::remove(&dir, &name).map_err(fail)?;
                continue;
            }
            let Ok(used) = open_dir(&folder.join(&name)) else { continue };
            if keep(text) || used.try_lock().is_err() {
                continue;
            }
            tree::remove(&dir, &name).map_err(fail)?;
            removed.push(text.to_owned());
        }
        Ok(removed)
    }
}
