//! One layer on top of those below it, mostly by renaming whole directories.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::renameat;

use super::error::{EntryFault, UnpackError};
use super::layer::{DirMeta, Layer, Place, link, link_fault};
use super::path::EntryPath;
use super::tree::{self, Found};

/// The layers so far, as one tree.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) root: OwnedFd,
    pub(crate) dirs: BTreeMap<EntryPath, DirMeta>,
}

impl Merged {
    /// The lowest layer is where the tree begins; its whiteouts have nothing to hide.
    pub(crate) fn start(mut layer: Layer) -> Result<Self, UnpackError> {
        let links = std::mem::take(&mut layer.links);
        let mut merged = Self { root: layer.root, dirs: layer.dirs };
        merged.link_all(&layer.digest, &links)?;
        Ok(merged)
    }

    /// Puts a layer on top: first what it hides, then what it has, then its links into what is below.
    pub(crate) fn add(&mut self, layer: &Layer) -> Result<(), UnpackError> {
        for path in &layer.opaque {
            self.empty(path, &layer.digest)?;
        }
        for path in &layer.whiteouts {
            self.hide(path, &layer.digest)?;
        }
        let below = reopen(&self.root)?;
        let above = reopen(&layer.root)?;
        self.merge(&EntryPath::default(), &above, &below, layer)?;
        for (path, meta) in &layer.dirs {
            if meta.explicit || !self.dirs.contains_key(path) {
                self.dirs.insert(path.clone(), *meta);
            }
        }
        self.link_all(&layer.digest, &layer.links)
    }

    fn empty(
        &mut self,
        path: &EntryPath,
        layer: &perry_sandbox_reference::Digest,
    ) -> Result<(), UnpackError> {
        let place = Place { layer, name: path.as_bytes() };
        match tree::open_dir(&self.root, path.as_path()) {
            Ok(dir) => tree::remove_children(&dir).map_err(|error| place.failed(error))?,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
            Err(error) => return Err(place.parent(error)),
        }
        self.forget_below(path);
        Ok(())
    }

    fn hide(&mut self, path: &EntryPath, layer: &perry_sandbox_reference::Digest) -> Result<(), UnpackError> {
        let place = Place { layer, name: path.as_bytes() };
        let Some((parent, name)) = path.split() else { return Err(place.refuse(EntryFault::Whiteout)) };
        match tree::open_dir(&self.root, parent.as_path()) {
            Ok(dir) => tree::remove(&dir, name).map_err(|error| place.failed(error))?,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
            Err(error) => return Err(place.parent(error)),
        }
        self.forget(path);
        Ok(())
    }

    fn merge(
        &mut self,
        path: &EntryPath,
        above: &OwnedFd,
        below: &OwnedFd,
        layer: &Layer,
    ) -> Result<(), UnpackError> {
        for name in tree::names(above).map_err(|error| failed(path, error))? {
            self.merge_one(&path.join(&name), &name, above, below, layer)?;
        }
        Ok(())
    }

    fn merge_one(
        &mut self,
        path: &EntryPath,
        name: &OsStr,
        above: &OwnedFd,
        below: &OwnedFd,
        layer: &Layer,
    ) -> Result<(), UnpackError> {
        let place = Place { layer: &layer.digest, name: path.as_bytes() };
        let fail = |error| place.failed(error);
        let new = tree::found(above, name).map_err(fail)?;
        let old = tree::found(below, name).map_err(fail)?;
        if new == Found::Directory {
            if old == Found::Directory {
                let (above, below) = (
                    tree::open_dir(above, name.as_ref()).map_err(fail)?,
                    tree::open_dir(below, name.as_ref()).map_err(fail)?,
                );
                return self.merge(path, &above, &below, layer);
            }
            // SECURITY: only a directory that the layer really names takes the place of a link or file; a
            // parent that it merely assumes does not, nor is a link followed (`a -> /etc`, then `a/passwd`).
            let explicit = layer.dirs.get(path).is_some_and(|meta| meta.explicit);
            match old {
                Found::Symlink if !explicit => return Err(place.refuse(EntryFault::SymlinkParent)),
                Found::Other if !explicit => return Err(place.refuse(EntryFault::ParentKind)),
                Found::Symlink | Found::Other => tree::remove(below, name).map_err(fail)?,
                Found::Nothing | Found::Directory => {}
            }
        } else if old == Found::Directory {
            tree::remove(below, name).map_err(fail)?;
            self.forget(path);
        }
        renameat(above, name, below, name).map_err(fail)
    }

    /// Hard links into the layers below; a name that is a directory there gives way to nothing.
    fn link_all(
        &mut self,
        layer: &perry_sandbox_reference::Digest,
        links: &BTreeMap<EntryPath, EntryPath>,
    ) -> Result<(), UnpackError> {
        for (path, target) in links {
            let place = Place { layer, name: path.as_bytes() };
            let Some((parent, name)) = path.split() else { return Err(place.refuse(EntryFault::Link)) };
            let dir = tree::open_dir(&self.root, parent.as_path()).map_err(|error| place.parent(error))?;
            // Linked beside its name first: the name itself may be the target's only one.
            let temporary = OsStr::new(".wh..wh.link");
            link(&self.root, target, &dir, temporary).map_err(|error| link_fault(error, &place))?;
            tree::remove(&dir, name).map_err(|error| place.failed(error))?;
            self.forget(path);
            renameat(&dir, temporary, &dir, name).map_err(|error| place.failed(error))?;
        }
        Ok(())
    }

    fn forget(&mut self, path: &EntryPath) {
        self.dirs.remove(path);
        self.forget_below(path);
    }

    fn forget_below(&mut self, path: &EntryPath) {
        if path.is_root() {
            self.dirs.clear();
            return;
        }
        let (from, to) = path.below();
        let inside: Vec<_> = self.dirs.range(from..to).map(|(path, _)| path.clone()).collect();
        for path in inside {
            self.dirs.remove(&path);
        }
    }
}

fn failed(path: &EntryPath, error: Errno) -> UnpackError {
    UnpackError::Io { what: path.to_string(), source: tree::io_error(error) }
}

fn reopen(dir: &OwnedFd) -> Result<OwnedFd, UnpackError> {
    tree::open_dir(dir, EntryPath::default().as_path()).map_err(|error| failed(&EntryPath::default(), error))
}
