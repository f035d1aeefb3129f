//! The folder of live sandboxes: what a killed runner left is found here and removed by the next start.
//!
//! Each running sandbox has a file, locked by its runner. The kernel drops the lock when the runner dies, however it
//! dies; so a file whose lock can be had belongs to nobody. A process cannot be left: it dies with its runner.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::cgroup::Group;

/// What is recorded of a live sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The runner's process id.
    pub(crate) runner: u32,
    /// What must be removed when the runner cannot.
    pub(crate) group: Option<Group>,
}

/// A live sandbox's file; removed when dropped.
#[derive(Debug)]
pub(crate) struct Live {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

/// The longest record that is read.
const LONGEST: u64 = 65_536;

/// SECURITY: a record says what to kill and remove. Only a folder that nobody else can write to may hold one; in one
/// that others prepared, a record could name anything.
fn check_owner(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = format!("`{}` is not a folder that only its owner, you, can write to", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Removes what dead runners left, and answers how many sandboxes that were.
pub(crate) fn reap(folder: &Path) -> io::Result<usize> {
    let mut reaped = 0_usize;
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    check_owner(folder)?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "live") && reap_one(&path)? {
            reaped = reaped.saturating_add(1);
        }
    }
    Ok(reaped)
}

fn reap_one(path: &Path) -> io::Result<bool> {
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW).open(path) {
        // Its runner was quicker.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    if file.try_lock().is_err() || file.metadata()?.len() > LONGEST {
        return Ok(false);
    }
    let record: Option<Record> = serde_json::from_reader(&file).ok();
    let gone = record.and_then(|record| record.group).is_none_or(|group| group.remove());
    if gone {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(gone)
}

impl Live {
    /// Writes a record before anything that it names is made.
    pub(crate) fn record(folder: &Path, name: &str, group: Option<&Group>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        check_owner(folder)?;
        let path = folder.join(format!("{name}.live"));
        // Locked under another name first: a reaper must not find it unlocked.
        let early = folder.join(format!("{name}.new"));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&early)?;
        file.lock()?;
        let record = Record { runner: std::process::id(), group: group.cloned() };
        let answer = file.write_all(&serde_json::to_vec(&record)?).and_then(|()| fs::rename(&early, &path));
        if let Err(error) = answer {
            fs::remove_file(&early)?;
            return Err(error);
        }
        Ok(Self { path, _file: file })
    }
}

impl Live {
    /// Keeps the record: something that it names is still there. Without the lock the next start takes it up.
    pub(crate) fn leave(mut self) {
        self.path = PathBuf::new();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // What cannot be removed now is reaped by the next start.
        fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_record_is_left_alone_and_an_orphan_is_reaped() {
        let folder = tempfile::tempdir().unwrap();
        let live = Live::record(folder.path(), "a", None).unwrap();
        assert_eq!(reap(folder.path()).unwrap(), 0);
        assert!(folder.path().join("a.live").exists());
        drop(live);
        assert!(!folder.path().join("a.live").exists());

        fs::write(folder.path().join("b.live"), br#"{"runner":1,"group":null}"#).unwrap();
        assert_eq!(reap(folder.path()).unwrap(), 1);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        fs::write(folder.path().join("b.live"), br#"{"runner":1,"group":null}"#).unwrap();
        assert!(reap(folder.path()).is_err() && Live::record(folder.path(), "a", None).is_err());
        assert!(folder.path().join("b.live").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_holds_nothing() {
        assert_eq!(reap(Path::new("/nonexistent/perry-sandbox")).unwrap(), 0);
    }
}
