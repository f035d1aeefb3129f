//! Networks of an ordinary user: each is kept by a process, in the one user namespace that all of them share.
//!
//! Who connects a sandbox needs rights over the network at both ends of the cable. An ordinary user has that over what is below one
//! user namespace of its own, for whoever is in there. So the process that supervises such a sandbox goes there first, and
//! the sandbox is made below it. Nobody gains a right by that which this user has not.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, setns, unshare};
use perry_sandbox_policy::ServiceName;

use super::error::ProjectError;
use super::links::furnish;
use super::members;
use super::networks::yard;
use super::yard::Yard;
use crate::native::{
    Ids, NetworkWish, Process, Role, await_readable, open_pidfd, receive, send, signal_by_pidfd, start_helper,
};

/// Who keeps a network.
const KEEPER: &str = "keeper.json";
/// How long its start may take, on a machine that is busy, and its end.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a keeper looks whether anybody could still find it.
const LOOK: Duration = Duration::from_secs(10);
const READY: &[u8] = b"ready";

/// The namespaces of a keeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Network,
}

/// Starts the keeper of a new network, below the user namespace of the others. The lock of the networks is held.
pub(super) fn make(yard: &Yard, folder: &Path) -> io::Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = start_helper(Path::new("/proc/self/exe"), Role::Keeper, theirs.into())?;
    let begin = || {
        let users = shared_users(yard)?;
        let given: Vec<_> = users.iter().map(File::as_fd).collect();
        send(&ours, &serde_json::to_vec(folder)?, &given)?;
        ours.set_read_timeout(Some(PATIENCE))?;
        let mut word = [0; READY.len()];
        (&ours).read_exact(&mut word).map_err(|error| {
            let why = "the program was executed again to keep a network; it does not call `helper_hook` first thing, or this user may make no user namespace";
            io::Error::new(error.kind(), why)
        })
    };
    let answer = begin();
    if answer.is_err() {
        // One that has ended by itself needs no signal.
        child.kill().ok();
    }
    // It outlives this process, or is collected by it.
    thread::Builder::new().name("keeper".to_owned()).spawn(move || drop(child.wait()))?;
    answer
}

/// The user namespace that networks are in already.
fn shared_users(yard: &Yard) -> io::Result<Option<File>> {
    let all = yard.all().map_err(io::Error::other)?;
    Ok(all.iter().find_map(|(name, _)| open(&yard.folder(name), Kind::User).ok()))
}

/// What such a process does.
pub(crate) fn keep(control: &UnixStream) -> io::Result<()> {
    // What ends the caller's session is to leave this one alive.
    nix::unistd::setsid()?;
    let Some((text, given)) = receive(control)? else { return Ok(()) };
    let folder: PathBuf = serde_json::from_slice(&text)?;
    let own = Process::of(std::process::id()).ok_or(io::ErrorKind::NotFound)?;
    // From here on it is found, whoever is killed.
    fs::write(folder.join(KEEPER), serde_json::to_vec(&own)?)?;
    match given.first() {
        Some(users) => setns(users, CloneFlags::CLONE_NEWUSER)?,
        None => new_users()?,
    }
    unshare(CloneFlags::CLONE_NEWNET)?;
    furnish()?;
    drop(given);
    (&*control).write_all(READY)?;
    // Only now: until here whoever makes it holds the lock, and waits.
    stay(&folder, own, LOOK);
    Ok(())
}

/// Returns when its file is gone or another's: nobody would find this process then, and so nobody would end it.
fn stay(folder: &Path, own: Process, look: Duration) {
    let is_left = || match keeper(folder) {
        Ok(named) => named != own,
        // What cannot be read just now may be there.
        Err(error) => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    };
    while !is_left() {
        thread::sleep(look);
    }
}

/// In there everybody is who he was, and there is nobody else.
fn new_users() -> io::Result<()> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    // The kernel asks for this before an ordinary user may map a group.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1\n"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1\n"))
}

fn keeper(folder: &Path) -> io::Result<Process> {
    let mut text = Vec::new();
    File::open(folder.join(KEEPER))?.take(1024).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

fn open(folder: &Path, kind: Kind) -> io::Result<File> {
    let process = keeper(folder)?;
    let name = match kind {
        Kind::User => "user",
        Kind::Network => "net",
    };
    let file = File::open(format!("/proc/{}/ns/{name}", process.pid))?;
    // Asked with the namespace in hand: the number is not another's.
    if process.is_alive() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// The network's namespace.
pub(super) fn namespace(folder: &Path) -> io::Result<File> {
    open(folder, Kind::Network)
}

/// Ends the keeper, and with it the network, if nobody is in it.
pub(super) fn unmake(folder: &Path) -> io::Result<()> {
    let Ok(process) = keeper(folder) else { return Ok(()) };
    let Ok(pidfd) = open_pidfd(process.pid) else { return Ok(()) };
    // Asked with the process in hand: the number is not another's.
    if process.is_alive() {
        signal_by_pidfd(pidfd.as_raw_fd(), libc::SIGKILL)?;
        await_readable(pidfd.as_fd(), PATIENCE)?;
    }
    Ok(())
}

/// Whether this process is in the user namespace of that network.
pub(super) fn is_inside(folder: &Path) -> bool {
    let inode = |file: io::Result<File>| file.and_then(|file| file.metadata()).map(|found| found.ino());
    let own = inode(File::open("/proc/self/ns/user"));
    matches!((own, inode(open(folder, Kind::User))), (Ok(own), Ok(theirs)) if own == theirs)
}

/// Goes into the user namespace of the networks that a sandbox is to join, for the rest of this process; it must have one
/// thread. Root needs that not.
pub(crate) fn enter(
    runtime: &Path,
    wishes: &[NetworkWish],
    beside: Option<&ServiceName>,
) -> Result<(), ProjectError> {
    if Ids::of_this_process() == Ids::Range || wishes.is_empty() && beside.is_none() {
        return Ok(());
    }
    let yard = yard(runtime);
    let lock = yard.lock()?;
    let name = match (wishes.first(), beside) {
        (Some(wish), _) => yard.named(wish.project.as_deref(), &wish.name)?.0,
        (None, Some(service)) => {
            let found = members::find(&members::collect(&yard, &lock)?, service)?;
            let gone = || ProjectError::NoNeighbour(service.to_string());
            yard.named(None, &found.joined.first().ok_or_else(gone)?.network)?.0
        }
        (None, None) => return Ok(()),
    };
    let users =
        open(&yard.folder(&name), Kind::User).map_err(|_| ProjectError::NoKeeper(name.to_string()))?;
    // What is mounted for the sandbox is mounted by whoever may do that there.
    let entered = setns(users, CloneFlags::CLONE_NEWUSER).and_then(|()| unshare(CloneFlags::CLONE_NEWNS));
    entered.map_err(|errno| ProjectError::Kernel { name: name.to_string(), why: errno.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keeper_stays_as_long_as_its_file_names_it() {
        let own = Process::of(std::process::id()).unwrap();
        let write = |folder: &Path, process: &Process| {
            fs::write(folder.join(KEEPER), serde_json::to_vec(process).unwrap()).unwrap();
        };
        for how in ["gone", "another's"] {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("network");
            fs::create_dir(&folder).unwrap();
            write(&folder, &own);
            let kept = folder.clone();
            let keeping = thread::spawn(move || stay(&kept, own, Duration::from_millis(1)));
            thread::sleep(Duration::from_millis(50));
            assert!(!keeping.is_finished(), "{how}");
            match how {
                "gone" => fs::remove_dir_all(&folder).unwrap(),
                _ => write(&folder, &Process { start: own.start + 1, ..own }),
            }
            let in_time = (0..1000).any(|_| {
                thread::sleep(Duration::from_millis(5));
                keeping.is_finished()
            });
            assert!(in_time, "{how}");
        }
    }
}
