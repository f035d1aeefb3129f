//! A folder of networks or of volumes, in which one change is made at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::error::ProjectError;
use super::label::Label;
use super::locked::Locked;
use crate::backends::stock::{StockKind, StockName};
use crate::native::check_owner;

/// Begins like no name, so it is in nobody's way.
const LOCK: &str = ".lock";
/// How long others may take. Nearly all of them take milliseconds, but a large volume is removed in one turn.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one try to have the lock to the next.
const LOOK: Duration = Duration::from_millis(2);

/// All networks, or all volumes.
#[derive(Debug, Clone)]
pub(super) struct Yard {
    root: PathBuf,
    kind: StockKind,
}

impl Yard {
    /// `root` need not be there yet.
    pub(super) const fn new(root: PathBuf, kind: StockKind) -> Self {
        Self { root, kind }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the one of this name is, if there is one.
    pub(super) fn folder(&self, name: &StockName) -> PathBuf {
        self.root.join(name.as_str())
    }

    /// Waits until nobody else changes anything, and keeps others from it.
    pub(super) fn lock(&self) -> Result<Locked, ProjectError> {
        self.lock_within(PATIENCE)
    }

    fn lock_within(&self, patience: Duration) -> Result<Locked, ProjectError> {
        self.make_root()?;
        let path = self.root.join(LOCK);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(ProjectError::io("open", &path))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Locked::new(file)),
                Err(TryLockError::Error(error)) => return Err(ProjectError::io("lock", &path)(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed() >= patience => {
                    return Err(ProjectError::Busy { kind: self.kind, path, seconds: patience.as_secs() });
                }
                Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            }
        }
    }

    /// SECURITY: what is written there says what is mounted and connected, so nobody else may write there.
    fn make_root(&self) -> Result<(), ProjectError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.root);
        made.and_then(|()| check_owner(&self.root)).map_err(ProjectError::io("use", &self.root))
    }

    /// A new folder for one; what a killed process has begun there is removed before.
    pub(super) fn begin(
        &self,
        name: &StockName,
        clear: impl FnOnce(&Path) -> Result<(), ProjectError>,
    ) -> Result<PathBuf, ProjectError> {
        if self.find(name)?.is_some() {
            return Err(ProjectError::Exists { kind: self.kind, name: name.to_string() });
        }
        self.forget_begun(name, clear)?;
        let folder = self.folder(name);
        DirBuilder::new().mode(0o700).create(&folder).map_err(ProjectError::io("make", &folder))?;
        Ok(folder)
    }

    /// Removes what a killed process has begun by this name, and nothing that has a label. Whoever calls has the lock.
    pub(super) fn forget_begun(
        &self,
        name: &StockName,
        clear: impl FnOnce(&Path) -> Result<(), ProjectError>,
    ) -> Result<(), ProjectError> {
        let folder = self.folder(name);
        if self.find(name)?.is_none() && fs::symlink_metadata(&folder).is_ok() {
            clear(&folder)?;
        }
        Ok(())
    }

    /// The one of this name.
    pub(super) fn find(&self, name: &StockName) -> Result<Option<(Label, File)>, ProjectError> {
        Label::read(&self.folder(name))
    }

    /// The one of this name, which must be there.
    pub(super) fn one(&self, name: &StockName) -> Result<(Label, File), ProjectError> {
        self.find(name)?.ok_or_else(|| ProjectError::Missing { kind: self.kind, name: name.to_string() })
    }

    /// The one of this name, which must be there, and of this project where one is named.
    pub(super) fn one_of(
        &self,
        project: Option<&str>,
        name: &StockName,
    ) -> Result<(Label, File), ProjectError> {
        let (label, file) = self.one(name)?;
        match project.filter(|project| !label.is_of(project)) {
            None => Ok((label, file)),
            Some(project) => {
                let (name, project) = (name.to_string(), project.to_owned());
                Err(ProjectError::OtherProject { kind: self.kind, name, project })
            }
        }
    }

    /// The one of this whole name, of this project where one is named.
    pub(super) fn named(
        &self,
        project: Option<&str>,
        name: &str,
    ) -> Result<(StockName, Label), ProjectError> {
        let name: StockName = name.parse().map_err(|_| ProjectError::Name(name.to_owned()))?;
        let (label, _) = self.one_of(project, &name)?;
        Ok((name, label))
    }

    /// All of them, in the order of their names.
    pub(super) fn all(&self) -> Result<Vec<(StockName, Label)>, ProjectError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(ProjectError::io("list", &self.root))?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry.map_err(ProjectError::io("list", &self.root))?;
            // What has no name of ours is not ours, and what has no label is not there yet.
            let Some(name) = entry.file_name().to_str().and_then(|name| name.parse::<StockName>().ok())
            else {
                continue;
            };
            if let Some((label, _)) = self.find(&name)? {
                all.push((name, label));
            }
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_the_lock_for_too_long_is_named_by_its_file() {
        let scratch = tempfile::tempdir().unwrap();
        let yard = Yard::new(scratch.path().join("networks"), StockKind::Network);
        let held = yard.lock().unwrap();
        let error = yard.lock_within(Duration::from_millis(20)).unwrap_err().to_string();
        assert!(error.contains("networks/.lock") && error.contains("fuser"), "{error}");
        drop(held);
        drop(yard.lock_within(Duration::ZERO).unwrap());
    }
}
