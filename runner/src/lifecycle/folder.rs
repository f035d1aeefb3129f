//! The folder of sandboxes: one folder each below `ids`, and a link from each name below `names`.
//!
//! Two kinds of locks, both of open files, so that they can be handed to another process and are looked at without
//! being taken: one of the whole folder, held for the moment in which a sandbox appears or goes; and one of each
//! sandbox, held by whoever starts, runs or removes it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};

use super::error::LifecycleError;
use super::id::{SandboxId, SandboxName};
use super::record::{self, LONGEST, Record};
use crate::native::{Process, check_owner};

/// The record's file.
const RECORD: &str = "record.json";
/// The caller's own text.
const REQUEST: &str = "request";
/// The lock's file.
const LOCK: &str = "lock";
/// How the name of a folder begins that is being made, and of one that is being removed.
const DRAFT: &str = "new-";
const GONE: &str = "gone-";

/// All sandboxes of one runtime folder.
#[derive(Debug, Clone)]
pub(super) struct Home {
    root: PathBuf,
}

/// An error about a path.
pub(super) fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LifecycleError {
    let path = path.to_owned();
    move |source| LifecycleError::Io { what, path, source }
}

/// An error about a file of a sandbox: without the file there is no sandbox.
fn not_found(id: &SandboxId, what: &'static str, path: &Path, error: io::Error) -> LifecycleError {
    if error.kind() == io::ErrorKind::NotFound {
        return LifecycleError::NotFound(id.to_string());
    }
    failed(what, path)(error)
}

fn region(kind: i32) -> libc::flock {
    let narrow = |number: i32| i16::try_from(number).unwrap_or(0);
    libc::flock { l_type: narrow(kind), l_whence: narrow(libc::SEEK_SET), l_start: 0, l_len: 0, l_pid: 0 }
}

/// Takes the lock of an open file, if nobody has it.
fn try_lock(file: &File) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&region(libc::F_WRLCK))) {
        Ok(_) => Ok(true),
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// Gives the lock of an open file back, whoever has a copy of the descriptor.
pub(super) fn unlock(file: &File) {
    // A file that was not locked is not locked afterwards.
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&region(libc::F_UNLCK)));
}

/// Whether somebody has the lock; without taking it.
fn is_locked(file: &File) -> io::Result<bool> {
    let mut found = region(libc::F_WRLCK);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
    Ok(i32::from(found.l_type) != libc::F_UNLCK)
}

/// The lock of the whole folder.
struct Whole(File);

impl Drop for Whole {
    fn drop(&mut self) {
        unlock(&self.0);
    }
}

/// The lock of one sandbox. Given back when dropped, unless it has been handed over.
#[derive(Debug)]
pub(super) struct Held {
    file: Option<File>,
    pub(super) folder: PathBuf,
    pub(super) id: SandboxId,
}

impl Held {
    pub(super) fn of(file: File, folder: PathBuf, id: SandboxId) -> Self {
        Self { file: Some(file), folder, id }
    }

    /// The lock's file, to be handed to another process.
    pub(super) fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// Closes our copy without giving the lock back: another process has it.
    pub(super) fn handed_over(mut self) {
        self.file = None;
    }

    /// Replaces the record.
    pub(super) fn write(&self, record: &Record) -> Result<(), LifecycleError> {
        let path = self.folder.join(RECORD);
        let replace = || -> io::Result<()> {
            let early = self.folder.join("record.new");
            write_synced(&early, &serde_json::to_vec(record)?)?;
            fs::rename(&early, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        replace().map_err(failed("write", &path))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            unlock(file);
        }
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = libc::O_NOFOLLOW;
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(0o600).custom_flags(flags).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read_bounded(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    // Without waiting: a pipe that somebody put there would hold an open for ever.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a file"));
    }
    let mut bytes = Vec::new();
    let room = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(room).read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Home {
    /// Makes the folders where there are none, owner only.
    pub(super) fn open(runtime: &Path) -> Result<Self, LifecycleError> {
        let root = runtime.join("sandboxes");
        for folder in [runtime, &root, &root.join("ids"), &root.join("names")] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.and_then(|()| check_owner(folder)).map_err(failed("use the folder", folder))?;
        }
        Ok(Self { root })
    }

    fn ids(&self) -> PathBuf {
        self.root.join("ids")
    }

    pub(super) fn folder(&self, id: &SandboxId) -> PathBuf {
        self.ids().join(id.as_str())
    }

    fn link(&self, name: &SandboxName) -> PathBuf {
        self.root.join("names").join(name.as_str())
    }

    fn whole(&self) -> Result<Whole, LifecycleError> {
        let path = self.root.join(LOCK);
        let lock = || -> io::Result<File> {
            let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            loop {
                match fcntl(&file, FcntlArg::F_OFD_SETLKW(&region(libc::F_WRLCK))) {
                    Ok(_) => return Ok(file),
                    Err(nix::errno::Errno::EINTR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        };
        lock().map(Whole).map_err(failed("lock", &path))
    }

    /// Makes a sandbox's folder: whole, with its name, or not at all. A name that is taken is the one error that a caller
    /// may want to try again with another.
    pub(super) fn publish(&self, record: &Record, request: &[u8]) -> Result<(), LifecycleError> {
        let own = Process::of(std::process::id()).map_or(0, |process| process.start);
        let draft = self.ids().join(format!("{DRAFT}{}-{own}-{}", std::process::id(), record.id));
        let answer = self.fill(&draft, record, request).and_then(|()| self.show(&draft, record));
        if answer.is_err() {
            // What cannot be removed now is removed when this process is gone.
            fs::remove_dir_all(&draft).ok();
        }
        answer
    }

    fn fill(&self, draft: &Path, record: &Record, request: &[u8]) -> Result<(), LifecycleError> {
        let fill = || -> io::Result<()> {
            DirBuilder::new().mode(0o700).create(draft)?;
            write_synced(&draft.join(LOCK), b"")?;
            write_synced(&draft.join(REQUEST), request)?;
            write_synced(&draft.join(RECORD), &serde_json::to_vec(record)?)?;
            File::open(draft)?.sync_all()
        };
        fill().map_err(failed("make a sandbox's folder in", &self.ids()))
    }

    fn show(&self, draft: &Path, record: &Record) -> Result<(), LifecycleError> {
        let (link, folder) = (self.link(&record.name), self.folder(&record.id));
        let whole = self.whole()?;
        self.claim(&whole, &record.id, &record.name)?;
        fs::rename(draft, &folder).map_err(|error| {
            fs::remove_file(&link).ok();
            failed("make", &folder)(error)
        })
    }

    /// Gives a name to a sandbox, if no other has it. One that it has is given again: who renamed it may have been killed.
    fn claim(&self, _whole: &Whole, id: &SandboxId, name: &SandboxName) -> Result<(), LifecycleError> {
        let link = self.link(name);
        let Err(error) = symlink(id.as_str(), &link) else { return Ok(()) };
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(failed("write the name", &link)(error));
        }
        match self.named(name) {
            Some(owner) if owner == *id => return Ok(()),
            Some(owner) if self.is_called(&owner, name) => {
                return Err(LifecycleError::NameTaken { name: name.clone(), id: owner.to_string() });
            }
            _ => {}
        }
        // Nobody's name: who made, renamed or removed its sandbox was killed in between, and nobody else is here now.
        fs::remove_file(&link)
            .and_then(|()| symlink(id.as_str(), &link))
            .map_err(failed("take the abandoned name", &link))
    }

    /// Gives another name to a sandbox whose lock is held.
    pub(super) fn rename(&self, held: &Held, name: SandboxName) -> Result<(), LifecycleError> {
        let (record, _) = self.look(&held.id)?;
        let whole = self.whole()?;
        let link = self.link(&name);
        self.claim(&whole, &held.id, &name)?;
        if record.name != name {
            held.write(&Record { name, ..record })?;
        }
        self.take_names(&whole, &held.id, Some(&link))
    }

    /// Whether a sandbox has this name by its record, which is the last word where it can be read.
    fn is_called(&self, id: &SandboxId, name: &SandboxName) -> bool {
        let bytes = read_bounded(&self.folder(id).join(RECORD), LONGEST);
        let record = bytes.ok().and_then(|bytes| record::read(&bytes).ok());
        record.is_none_or(|record| record.name == *name)
    }

    /// Takes all names from a sandbox but this one.
    fn take_names(&self, _whole: &Whole, id: &SandboxId, but: Option<&Path>) -> Result<(), LifecycleError> {
        let names = self.root.join("names");
        let links = fs::read_dir(&names).map_err(failed("list", &names))?;
        for link in links.flatten().map(|entry| entry.path()).filter(|link| Some(link.as_path()) != but) {
            if fs::read_link(&link).is_ok_and(|target| target.as_os_str() == id.as_str()) {
                fs::remove_file(&link).map_err(failed("remove the name", &link))?;
            }
        }
        Ok(())
    }

    /// Removes what makers and removers that were killed have left.
    pub(super) fn sweep(&self) {
        for entry in fs::read_dir(self.ids()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let dead_maker = || {
                let mut parts =
                    name.strip_prefix(DRAFT).unwrap_or_default().split('-').map(str::parse::<u64>);
                let (Some(Ok(pid)), Some(Ok(start))) = (parts.next(), parts.next()) else { return false };
                u32::try_from(pid).is_ok_and(|pid| !Process { pid, start }.exists())
            };
            if name.starts_with(GONE) || dead_maker() {
                // Tried again the next time.
                fs::remove_dir_all(entry.path()).ok();
            }
        }
    }

    /// All ids, in order.
    pub(super) fn all(&self) -> Result<Vec<SandboxId>, LifecycleError> {
        let folder = self.ids();
        let entries = fs::read_dir(&folder).map_err(failed("list", &folder))?;
        let names = entries.flatten().map(|entry| entry.file_name());
        let mut ids: Vec<SandboxId> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
        ids.sort();
        Ok(ids)
    }

    /// Who has a name.
    pub(super) fn named(&self, name: &SandboxName) -> Option<SandboxId> {
        let id: SandboxId = fs::read_link(self.link(name)).ok()?.to_str()?.parse().ok()?;
        self.folder(&id).is_dir().then_some(id)
    }

    /// The record of a sandbox, and whether somebody holds its lock.
    pub(super) fn look(&self, id: &SandboxId) -> Result<(Record, bool), LifecycleError> {
        let folder = self.folder(id);
        let missing = |error: io::Error, what, path: &Path| {
            if error.kind() == io::ErrorKind::NotFound && !folder.exists() {
                return LifecycleError::NotFound(id.to_string());
            }
            failed(what, path)(error)
        };
        let path = folder.join(LOCK);
        let lock = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(&path);
        let lock = lock.map_err(|error| missing(error, "open", &path))?;
        // First the lock, then the record: a sandbox that ends in between is shown as ended, not as dead.
        let locked = is_locked(&lock).map_err(failed("look at", &path))?;
        let path = folder.join(RECORD);
        let read = || {
            let bytes = read_bounded(&path, LONGEST).map_err(|error| missing(error, "read", &path))?;
            let damaged = |why| LifecycleError::Damaged { id: id.to_string(), why };
            let record = record::read(&bytes).map_err(damaged)?;
            if record.id == *id { Ok(record) } else { Err(damaged("it has another's id".to_owned())) }
        };
        let record = read()?;
        if locked { record::settled(record, Process::is_alive, read) } else { Ok((record, false)) }
    }

    /// The caller's own text.
    pub(super) fn request(&self, id: &SandboxId, most: usize) -> Result<Vec<u8>, LifecycleError> {
        let path = self.folder(id).join(REQUEST);
        read_bounded(&path, most).map_err(|error| not_found(id, "read", &path, error))
    }

    /// Takes a sandbox's lock, if it can be had within `patience`.
    pub(super) fn hold(&self, id: &SandboxId, patience: Duration) -> Result<Option<Held>, LifecycleError> {
        let folder = self.folder(id);
        let path = folder.join(LOCK);
        let opened = OpenOptions::new().write(true).custom_flags(libc::O_NOFOLLOW).open(&path);
        let file = opened.map_err(|error| not_found(id, "open", &path, error))?;
        let begun = Instant::now();
        while !try_lock(&file).map_err(failed("lock", &path))? {
            if begun.elapsed() >= patience {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let held = Held::of(file, folder, id.clone());
        // It may have been removed between the open and the lock: then this is a lock of nothing.
        let same = |file: &File| -> io::Result<bool> {
            let (ours, there) = (file.metadata()?, fs::symlink_metadata(&path)?);
            Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        match held.file().map(same) {
            Some(Ok(true)) => Ok(Some(held)),
            _ => Err(LifecycleError::NotFound(id.to_string())),
        }
    }

    /// Removes a sandbox whose lock is held.
    pub(super) fn remove(&self, held: &Held) -> Result<(), LifecycleError> {
        let gone = self.ids().join(format!("{GONE}{}", held.id));
        {
            let whole = self.whole()?;
            self.take_names(&whole, &held.id, None)?;
            fs::rename(&held.folder, &gone).map_err(failed("remove", &held.folder))?;
        }
        // What is left of it is nobody's, and is removed by the next to sweep.
        fs::remove_dir_all(&gone).ok();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_looked_at_without_being_taken() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || OpenOptions::new().write(true).open(file.path()).unwrap();
        let (one, two) = (open(), open());
        assert!(!is_locked(&two).unwrap() && try_lock(&one).unwrap() && is_locked(&two).unwrap());
        assert!(!try_lock(&two).unwrap());
        let copy = one.try_clone().unwrap();
        unlock(&copy);
        assert!(try_lock(&two).unwrap(), "given back though `one` is still open");
    }
}
