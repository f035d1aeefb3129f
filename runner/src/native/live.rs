//! The folder of live sandboxes: what a killed runner left is found here and removed by the next start.
//!
//! Each running sandbox has a file, locked by its runner. The kernel drops the lock when the runner dies, however it
//! dies; so a file whose lock can be had belongs to nobody. A sandbox dies with its runner by the kernel's death signal;
//! one that has got rid of that signal is named in the file, and killed here.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::{Deserialize, Serialize};

use super::cgroup::Group;
use super::process::Process;
use super::sys::{Errno, open_pidfd, peek_exited, signal_by_pidfd};

/// What is recorded of a live sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The runner's process id.
    pub(crate) runner: u32,
    /// What must be removed when the runner cannot.
    pub(crate) group: Option<Group>,
    /// Process 1 of the sandbox, once it has started.
    #[serde(default)]
    pub(crate) process: Option<Process>,
}

/// A live sandbox's file; removed when dropped.
#[derive(Debug)]
pub(crate) struct Live {
    path: PathBuf,
    /// Holds the lock.
    file: File,
    record: Record,
}

/// Writes into a live sandbox's file who its process 1 is. Holds the lock as well.
#[derive(Debug)]
pub(crate) struct Note {
    file: File,
    record: Record,
}

/// What [`reap`] did.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reaped {
    /// How many sandboxes of dead runners are gone.
    pub(crate) gone: usize,
    /// What still runs without a runner: a sentence for each.
    pub(crate) running: Vec<String>,
}

/// The longest record that is read.
const LONGEST: u64 = 65_536;
/// How long a killed sandbox may take to be gone.
const DYING: Duration = Duration::from_secs(3);

/// SECURITY: a record says what to kill and remove. Only a folder that nobody else can write to may hold one; in one
/// that others prepared, a record could name anything.
pub(crate) fn check_owner(folder: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == nix::unistd::geteuid().as_raw() && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let why = format!("`{}` is not a folder that only its owner, you, can write to", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, why))
}

/// Kills and removes what dead runners left. A file that cannot be read does not keep the others from it.
pub(crate) fn reap(folder: &Path) -> io::Result<Reaped> {
    let mut reaped = Reaped::default();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(reaped),
        other => other?,
    };
    check_owner(folder)?;
    for path in entries.flatten().map(|entry| entry.path()) {
        match path.extension().and_then(OsStr::to_str) {
            Some("live") => match reap_one(&path) {
                Ok(gone) => reaped.gone = reaped.gone.saturating_add(usize::from(gone)),
                Err(Left::Running(what)) => reaped.running.push(what),
                // Nobody can say what it names; it stays, for whoever put it there.
                Err(Left::Unreadable) => {}
            },
            Some("new") => remove_unfinished(&path),
            _ => {}
        }
    }
    Ok(reaped)
}

/// Why a record is left.
enum Left {
    Running(String),
    Unreadable,
}

impl From<io::Error> for Left {
    fn from(_: io::Error) -> Self {
        Self::Unreadable
    }
}

fn reap_one(path: &Path) -> Result<bool, Left> {
    // Without waiting: a pipe that somebody put there would hold an open for ever.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        // Its runner was quicker.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let found = file.metadata()?;
    if !found.is_file() || found.len() > LONGEST {
        return Err(Left::Unreadable);
    }
    if file.try_lock().is_err() {
        return Ok(false);
    }
    let record: Record = serde_json::from_reader(&file).map_err(|_| Left::Unreadable)?;
    if let Some(process) = record.process {
        end(process).map_err(|why| {
            let pid = process.pid;
            Left::Running(format!("the sandbox of process {pid} runs without its runner: {why}"))
        })?;
    }
    if let Some(group) = record.group
        && !group.remove()
    {
        // An empty group is only slow to go: the next start takes it up.
        return if group.is_populated() {
            Err(Left::Running("the processes of a sandbox without a runner outlive their kill".to_owned()))
        } else {
            Ok(false)
        };
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(true),
    }
}

/// Kills process 1 of a sandbox, and with it its whole pid namespace, and waits until it is gone.
fn end(process: Process) -> io::Result<()> {
    if !process.exists() {
        return Ok(());
    }
    // The descriptor first: when the number still stands for the recorded process afterwards, so does the descriptor.
    let pidfd = match open_pidfd(process.pid) {
        Err(Errno(libc::ESRCH)) => return Ok(()),
        other => other.map_err(io::Error::from)?,
    };
    if !process.exists() || !process.is_first() || peek_exited(pidfd.as_fd()) {
        return Ok(());
    }
    match signal_by_pidfd(pidfd.as_raw_fd(), libc::SIGKILL) {
        Ok(()) => {}
        Err(Errno(libc::ESRCH)) => return Ok(()),
        Err(errno) => return Err(errno.into()),
    }
    let patience = PollTimeout::try_from(DYING).unwrap_or(PollTimeout::MAX);
    poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], patience)?;
    if peek_exited(pidfd.as_fd()) {
        Ok(())
    } else {
        Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "it was killed and is still there; wait until it is gone",
        ))
    }
}

/// A record whose runner died while it wrote it. It names nothing yet that has been made.
fn remove_unfinished(path: &Path) {
    // Its name begins with its runner and that one's start. Its lock says nothing: it is taken a moment after the file
    // is made.
    let name = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
    let mut parts = name.split('-').map(str::parse);
    let (Some(Ok(pid)), Some(Ok(start))) = (parts.next(), parts.next()) else { return };
    let runner = u32::try_from(pid).map(|pid| Process { pid, start });
    if runner.is_ok_and(|runner| !runner.exists()) {
        // Tried again by the next start.
        fs::remove_file(path).ok();
    }
}

impl Live {
    /// Writes a record before anything that it names is made.
    pub(crate) fn record(folder: &Path, name: &str, group: Option<&Group>) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        check_owner(folder)?;
        let path = folder.join(format!("{name}.live"));
        // Locked under another name first: a reaper must not find it unlocked.
        let early = folder.join(format!("{name}.new"));
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&early)?;
        file.lock()?;
        let record = Record { runner: std::process::id(), group: group.cloned(), process: None };
        if let Err(error) = write(&file, &record).and_then(|()| fs::rename(&early, &path)) {
            fs::remove_file(&early)?;
            return Err(error);
        }
        Ok(Self { path, file, record })
    }

    /// For whoever learns first that the sandbox has started.
    pub(crate) fn note(&self) -> io::Result<Note> {
        Ok(Note { file: self.file.try_clone()?, record: self.record.clone() })
    }

    /// Keeps the record: something that it names is still there. Without the lock the next start takes it up.
    pub(crate) fn leave(&mut self) {
        self.path = PathBuf::new();
    }
}

impl Note {
    /// Records process 1.
    pub(crate) fn started(mut self, pid: i32) -> io::Result<()> {
        let process = u32::try_from(pid).ok().and_then(Process::of);
        // One that has died already and been collected needs no record.
        self.record.process = process;
        write(&self.file, &self.record)
    }
}

/// In one piece over the old text, which is never longer: only a process is ever added.
fn write(file: &File, record: &Record) -> io::Result<()> {
    file.write_all_at(&serde_json::to_vec(record)?, 0)
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
        assert_eq!(reap(folder.path()).unwrap(), Reaped::default());
        assert!(folder.path().join("a.live").exists());
        drop(live);
        assert!(!folder.path().join("a.live").exists());

        fs::write(folder.path().join("b.live"), br#"{"runner":1,"group":null}"#).unwrap();
        assert_eq!(reap(folder.path()).unwrap().gone, 1);
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
        assert_eq!(reap(Path::new("/nonexistent/perry-sandbox")).unwrap(), Reaped::default());
    }

    #[test]
    fn what_cannot_be_read_does_not_keep_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("/etc/hostname", at("a.live")).unwrap();
        fs::create_dir(at("b.live")).unwrap();
        fs::write(at("c.live"), "{").unwrap();
        nix::unistd::mkfifo(&at("d.live"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for name in ["e.live", "0.live"] {
            fs::write(at(name), br#"{"runner":1,"group":null}"#).unwrap();
        }
        assert_eq!(reap(folder.path()).unwrap(), Reaped { gone: 2, running: Vec::new() });
        assert!(!at("e.live").exists() && !at("0.live").exists() && at("c.live").exists());
    }

    #[test]
    fn an_unfinished_record_of_a_dead_runner_is_removed_and_that_of_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let own = Process::of(std::process::id()).unwrap();
        let dead = folder.path().join(format!("{}-{}-0.new", own.pid, own.start - 1));
        let alive = folder.path().join(format!("{}-{}-1.new", own.pid, own.start));
        fs::write(&dead, "").unwrap();
        fs::write(&alive, "").unwrap();
        reap(folder.path()).unwrap();
        assert!(!dead.exists() && alive.exists());
    }

    #[test]
    fn a_process_that_is_not_the_recorded_one_is_not_killed() {
        let mut other = std::process::Command::new("sleep").arg("20").spawn().unwrap();
        let process = Process::of(other.id()).unwrap();
        end(Process { start: process.start - 1, ..process }).unwrap();
        end(process).unwrap();
        assert_eq!(other.try_wait().unwrap(), None, "it is not the first of a namespace");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
