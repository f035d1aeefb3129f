//! From a spec to a running process: the parent's side of the hand-over.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};

use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair};
use thiserror::Error;

use super::ids::Ids;
use super::owners;
use super::spec::Spec;
use super::steps::{SLOTS, Slot, Step};
use super::sys::{
    CloneRequest, Cloned, Errno, MountAttributes, Pointers, clone_into, clone_tree, map_tree, open_pidfd,
    set_attributes, signal_by_pidfd, wait_exit,
};
use crate::project::connect;

/// Descriptors that one sandbox starts with.
#[derive(Debug)]
pub(crate) struct Given {
    /// The three streams; nothing with a terminal.
    pub(crate) streams: Option<[OwnedFd; 3]>,
    /// Where the child reports.
    pub(crate) report: OwnedFd,
    /// The image's root folder.
    pub(crate) root: OwnedFd,
    /// What only some plans need: detached mounts of host folders where the parent may make them, and secrets.
    pub(crate) others: Vec<(Slot, OwnedFd)>,
    /// The process with which the sandbox dies.
    pub(crate) owner: OwnedFd,
    /// A v2 cgroup to be born in.
    pub(crate) cgroup: Option<OwnedFd>,
    /// Files by which the child joins its cgroups.
    pub(crate) joins: Vec<OwnedFd>,
}

/// What went wrong on the parent's side. The child, if there was one, is dead and collected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// clone3 failed.
    #[error("cannot make the namespaces of a sandbox: {0}")]
    Clone(String, i32),
    /// The ids of the user namespace could not be mapped.
    #[error("cannot map user ids into the sandbox: {0}")]
    Ids(#[source] io::Error),
    /// The image's root could not be mounted by the parent.
    #[error("cannot mount the image's root folder: {0}")]
    Root(String),
    /// The plan's devices could not be made by the parent.
    #[error("cannot make nodes of the granted devices: {0}")]
    Devices(String),
    /// A host folder could not be opened by the parent.
    #[error("cannot mount the host folder {path}: {errno}{remedy}")]
    Mount {
        /// The folder.
        path: String,
        /// What the kernel said.
        errno: String,
        /// What would help.
        remedy: &'static str,
    },
    /// The owners of a mounted folder could not be mapped.
    #[error("cannot map the owners of a mounted host folder: {0}")]
    Owners(#[source] io::Error),
    /// A network could not be joined.
    #[error("cannot connect the sandbox to the networks of its project: {0}")]
    Networks(#[source] io::Error),
    /// A cgroup could not be joined.
    #[error("cannot put the sandbox under its limits: {0}")]
    Limits(#[source] io::Error),
    /// The launcher process could not start it.
    #[error("the launcher process could not start the sandbox: {0}")]
    Launcher(String),
    /// Its process could not be recorded.
    #[error(
        "cannot record the sandbox's process in the folder of live sandboxes: {0}; check the runtime folder"
    )]
    Record(#[source] io::Error),
    /// A descriptor could not be made.
    #[error("cannot make a channel to the sandbox: {0}")]
    Channel(#[source] io::Error),
}

/// `CLONE_NEW*`: user, mount, pid, network, ipc, uts. The cgroup namespace comes when the cgroup has been joined.
pub(super) const NAMESPACES: i32 = libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS;

/// Starts the child and lets it go. It has not executed the program yet: a failed step comes over the report. `note`
/// gets its process id while it mounts.
pub(crate) fn start(
    spec: &Spec,
    given: Given,
    note: impl FnOnce(i32) -> io::Result<()>,
) -> Result<Cloned, StartError> {
    start_in(spec, given, note, NAMESPACES)
}

/// [`start`] with the namespaces to make: tests take one out.
pub(crate) fn start_in(
    spec: &Spec,
    mut given: Given,
    note: impl FnOnce(i32) -> io::Result<()>,
    namespaces: i32,
) -> Result<Cloned, StartError> {
    raise_above_streams(&mut given).map_err(StartError::Channel)?;
    if spec.ids == Ids::Range {
        owners::map(&given, spec.user).map_err(StartError::Owners)?;
    }
    let (gate, inner) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map_err(channel)?;
    let waits = spec.steps.contains(&Step::AwaitCall);
    let pointers = if waits { Pointers::to_come() } else { Pointers::new(&spec.argv, &spec.env) };
    let namespaces = if spec.beside { namespaces & !libc::CLONE_NEWNET } else { namespaces };
    let request = CloneRequest {
        namespaces: u64::try_from(namespaces).unwrap_or(0),
        cgroup: given.cgroup.as_ref().map(AsFd::as_fd),
        steps: &spec.steps,
        pointers: &pointers,
        descriptors: descriptors(&given, inner.as_raw_fd()),
    };
    let child = match spec.beside.then(|| network_beside(&given)).transpose()? {
        None => clone_into(&request).map_err(|errno| StartError::Clone(errno.to_string(), errno.0))?,
        Some(network) => clone_beside(&request, network, spec.ids)?,
    };
    drop(inner);
    match release(spec, &given, &child, note, gate.as_fd()) {
        Ok(()) => Ok(child),
        Err(error) => {
            abandon(&child);
            Err(error)
        }
    }
}

/// The network namespace of the sandbox that another is to be beside.
fn network_beside(given: &Given) -> Result<BorrowedFd<'_>, StartError> {
    let network = given.others.iter().find(|(slot, _)| *slot == Slot::Network(0));
    let missing = || StartError::Networks(io::ErrorKind::NotFound.into());
    network.map(|(_, network)| network.as_fd()).ok_or_else(missing)
}

/// Clones the child in that network namespace. Root's thread is there only for the call. An ordinary user's cannot come back,
/// as the host's network is not below the user namespace that it has entered: it is its sandbox's supervisor and nothing
/// else, which uses no network, and stays.
///
/// SECURITY: the namespace is below the other sandbox's users, of whom the child is none: no Linux cap of the child's own
/// users has power there.
fn clone_beside(request: &CloneRequest<'_>, network: BorrowedFd<'_>, ids: Ids) -> Result<Cloned, StartError> {
    let failed = |errno: nix::errno::Errno| StartError::Networks(errno.into());
    let own = match ids {
        Ids::Range => Some(File::open("/proc/thread-self/ns/net").map_err(StartError::Networks)?),
        Ids::Single { .. } => None,
    };
    setns(network, CloneFlags::CLONE_NEWNET).map_err(failed)?;
    let cloned = clone_into(request);
    let back = own.map_or(Ok(()), |own| setns(own, CloneFlags::CLONE_NEWNET));
    let child = cloned.map_err(|errno| StartError::Clone(errno.to_string(), errno.0))?;
    match back {
        Ok(()) => Ok(child),
        Err(errno) => {
            abandon(&child);
            Err(failed(errno))
        }
    }
}

pub(super) fn channel(errno: nix::errno::Errno) -> StartError {
    StartError::Channel(errno.into())
}

/// Kills and collects a child that must not go on.
pub(crate) fn abandon(child: &Cloned) {
    let kill = || signal_by_pidfd(child.pidfd.as_raw_fd(), libc::SIGKILL);
    // It may be dead already; it is collected either way. One that was not killed would be waited for without end.
    if kill().is_err_and(|errno| errno.0 != libc::ESRCH) {
        let _ = kill();
    }
    let _ = wait_exit(child.pidfd.as_fd());
}

pub(super) fn descriptors(given: &Given, gate: RawFd) -> [RawFd; SLOTS] {
    let mut table = [-1; SLOTS];
    let mut put = |slot: Slot, descriptor: RawFd| {
        if let Some(place) = table.get_mut(slot.index()) {
            *place = descriptor;
        }
    };
    if let Some([stdin, stdout, stderr]) = &given.streams {
        put(Slot::Stdin, stdin.as_raw_fd());
        put(Slot::Stdout, stdout.as_raw_fd());
        put(Slot::Stderr, stderr.as_raw_fd());
    }
    put(Slot::Report, given.report.as_raw_fd());
    put(Slot::Gate, gate);
    put(Slot::Parent, given.owner.as_raw_fd());
    put(Slot::RootFolder, given.root.as_raw_fd());
    for (number, join) in (0_u8..).zip(&given.joins) {
        put(Slot::Group(number), join.as_raw_fd());
    }
    for (slot, other) in &given.others {
        put(*slot, other.as_raw_fd());
    }
    table
}

/// A descriptor below 3 would be overwritten while the streams are put in place; a caller may have closed its own.
pub(super) fn raise_above_streams(given: &mut Given) -> io::Result<()> {
    let streams = given.streams.iter_mut().flatten();
    let own = [&mut given.report, &mut given.root, &mut given.owner];
    let others = given.others.iter_mut().map(|(_, other)| other);
    let all = streams.chain(own).chain(&mut given.joins).chain(others);
    for descriptor in all {
        if descriptor.as_raw_fd() < 3 {
            // The standard library duplicates to 3 and above.
            *descriptor = descriptor.try_clone()?;
        }
    }
    Ok(())
}

fn release(
    spec: &Spec,
    given: &Given,
    child: &Cloned,
    note: impl FnOnce(i32) -> io::Result<()>,
    gate: BorrowedFd<'_>,
) -> Result<(), StartError> {
    spec.ids.write(child.pid, spec.user).map_err(StartError::Ids)?;
    raise_oom_score(child.pid, spec.oom_score).map_err(StartError::Limits)?;
    let root = match spec.ids {
        Ids::Range => {
            Some(mapped_root(given, child.pid).map_err(|errno| StartError::Root(errno.to_string()))?)
        }
        Ids::Single { .. } => None,
    };
    tell(gate, b'i', root.as_ref().map(AsFd::as_fd))?;
    // The child has far to go yet, and until it executes the program it dies with this process for certain.
    note(child.pid).map_err(StartError::Record)?;
    connect(&spec.links, &given.others, child.pid).map_err(StartError::Networks)?;
    tell(gate, b'g', None)
}

/// Never lowered: whoever runs this may have been made the first to go itself.
pub(super) fn raise_oom_score(pid: i32, wanted: u16) -> io::Result<()> {
    let path = format!("/proc/{pid}/oom_score_adj");
    let has = |text: String| text.trim().parse::<i32>().is_ok_and(|own| own >= i32::from(wanted));
    if wanted == 0 || std::fs::read_to_string(&path).is_ok_and(has) {
        return Ok(());
    }
    std::fs::write(path, wanted.to_string())
}

/// The root as a detached mount whose owners are those of the image, where the file system can show them so.
fn mapped_root(given: &Given, pid: i32) -> Result<OwnedFd, Errno> {
    let tree = clone_tree(given.root.as_fd())?;
    set_attributes(tree.as_fd(), MountAttributes::ReadOnly)?;
    let namespace = File::open(format!("/proc/{pid}/ns/user"))
        .map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))?;
    match map_tree(tree.as_fd(), namespace.as_fd()) {
        // A file system without mapped mounts shows nobody as the owner: tighter, not wider.
        Ok(()) | Err(Errno(libc::EINVAL | libc::EOPNOTSUPP | libc::ENOSYS)) => Ok(tree),
        Err(errno) => Err(errno),
    }
}

pub(super) fn tell(gate: BorrowedFd<'_>, word: u8, tree: Option<BorrowedFd<'_>>) -> Result<(), StartError> {
    let bytes = [word];
    let parts = [io::IoSlice::new(&bytes)];
    let raw = tree.map(|tree| [tree.as_raw_fd()]);
    let control: Vec<_> = raw.iter().map(|list| ControlMessage::ScmRights(list)).collect();
    match sendmsg::<()>(gate.as_raw_fd(), &parts, &control, MsgFlags::MSG_NOSIGNAL, None) {
        // A child that has died has said why over the report.
        Ok(_) | Err(nix::errno::Errno::EPIPE | nix::errno::Errno::ECONNRESET) => Ok(()),
        Err(errno) => Err(channel(errno)),
    }
}

/// The process with which a sandbox of this process dies.
pub(crate) fn this_process() -> Result<OwnedFd, StartError> {
    open_pidfd(std::process::id()).map_err(|errno| StartError::Channel(errno.into()))
}
