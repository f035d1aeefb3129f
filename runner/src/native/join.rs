//! A program that joins a running sandbox: the supervisor's side, and that of its caller.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::cmsg_space;
use nix::errno::Errno as Number;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, recvmsg, socketpair,
};

use super::cgroup::Group;
use super::failure::RunError;
use super::ids::Users;
use super::memory::members;
use super::run::{Finished, conclude, wire};
use super::settings::Settings;
use super::spec::{Ground, Spec};
use super::start::{
    Given, StartError, abandon, channel, descriptors, raise_above_streams, raise_oom_score, tell,
    this_process,
};
use super::steps::Slot;
use super::supervise::{Company, Counting, Running, supervise};
use super::sys::{
    CloneRequest, Cloned, Exit, JOINED_AS, Pointers, adopt, clone_into, open_pidfd, signal_by_pidfd,
    wait_exit,
};
use crate::io::{Commands, Streams};

/// The most processes of the host's user that the sandbox's is, where they are the host's. All sandboxes share that number, so
/// it is far above what any of them gets: the control group holds the plan's.
pub(crate) const PROCESSES_OF_A_HOST_USER: u32 = 1 << 16;

/// What of a program that joins is its own.
#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) argv: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) cwd: String,
    /// Whether a terminal comes in the place of its streams.
    pub(crate) terminal: bool,
}

/// Where it goes.
#[derive(Debug)]
pub(crate) struct Target {
    /// The first process of the sandbox, and its number, which stays its own until the sandbox has been collected.
    pub(crate) process: OwnedFd,
    pub(crate) pid: i32,
    /// The sandbox's limits.
    pub(crate) group: Option<Group>,
    /// Whose its users are.
    pub(crate) users: Users,
}

/// The process that joins, or how it ended before it could.
pub(crate) enum Joined {
    In(Cloned),
    Ended(Exit),
}

/// Starts a program inside. Everything but what is the guest's own comes from the settings of the sandbox. Failed steps
/// are reported by the process itself; `count` gets its number before it executes the program.
pub(crate) fn join(
    settings: &Settings,
    guest: Guest,
    target: &Target,
    (report, streams): (OwnedFd, [OwnedFd; 3]),
    count: impl FnOnce(i32),
) -> Result<Joined, RunError> {
    let ground = Ground::of_this_process(target.group.is_some());
    let spec = Spec::join(&own(settings, guest, target.users), &ground, target.users)?;
    let none = report.try_clone().map_err(StartError::Channel)?;
    let mut given = Given {
        streams: Some(streams),
        report,
        // Not used by any of these steps.
        root: none,
        others: Vec::new(),
        owner: this_process()?,
        cgroup: None,
        joins: Vec::new(),
    };
    raise_above_streams(&mut given).map_err(StartError::Channel)?;
    let (gate, inner) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map_err(channel)?;
    let mut table = descriptors(&given, inner.as_raw_fd());
    if let Some(place) = table.get_mut(Slot::Target.index()) {
        *place = target.process.as_raw_fd();
    }
    let pointers = Pointers::new(&spec.argv, &spec.env);
    let request = CloneRequest {
        namespaces: 0,
        cgroup: None,
        steps: &spec.steps,
        pointers: &pointers,
        descriptors: table,
    };
    let first = clone_into(&request).map_err(|errno| StartError::Clone(errno.to_string(), errno.0))?;
    drop((inner, given));
    let answer = hear(&gate);
    let exit = wait_exit(first.pidfd.as_fd()).map_err(|errno| StartError::Channel(errno.into()))?;
    let Some(child) = answer.map_err(StartError::Channel)? else { return Ok(Joined::Ended(exit)) };
    count(child.pid);
    let limited = target.group.as_ref().map_or(Ok(()), |group| group.add(child.pid));
    let limited = limited.and_then(|()| raise_oom_score(child.pid, spec.oom_score));
    match limited.map_err(StartError::Limits).and_then(|()| tell(gate.as_fd(), b'g', None)) {
        Ok(()) => Ok(Joined::In(child)),
        Err(error) => {
            abandon(&child);
            Err(error.into())
        }
    }
}

/// The settings of the sandbox with what is the guest's own.
fn own(settings: &Settings, guest: Guest, users: Users) -> Settings {
    let mut limits = settings.limits;
    if users == Users::Hosts {
        // Others are counted with it. The sandbox's control group holds its own number, and beside one a process more is set.
        limits.pids = limits.pids.max(PROCESSES_OF_A_HOST_USER.saturating_sub(1));
    }
    let Guest { argv, env, cwd, terminal } = guest;
    Settings { argv, env, cwd, terminal, limits, ..settings.clone() }
}

/// What the entering process says of the one that goes on; nothing when it has died.
fn hear(gate: &OwnedFd) -> io::Result<Option<Cloned>> {
    let mut bytes = [0; 8];
    let mut room = cmsg_space!([i32; 1]);
    loop {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let (length, passed) = match recvmsg::<()>(gate.as_raw_fd(), &mut parts, Some(&mut room), flags) {
            Ok(message) => {
                let passed = message.cmsgs().into_iter().flatten().find_map(|control| {
                    let ControlMessageOwned::ScmRights(list) = control else { return None };
                    list.first().copied()
                });
                (message.bytes, passed.map(adopt))
            }
            Err(Number::EINTR) => continue,
            Err(Number::ECONNRESET) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        return match (bytes.get(..length), passed) {
            (Some([JOINED_AS, a, b, c, d]), Some(pidfd)) => {
                Ok(Some(Cloned { pid: i32::from_ne_bytes([*a, *b, *c, *d]), pidfd }))
            }
            _ => Ok(None),
        };
    }
}

/// Kills what a program that joined has left in its own session. A session's number is not given out again while
/// somebody is in it.
pub(crate) fn end_session(init: i32, leader: i32) {
    let is_in = |pid: i32| session(pid) == Some(leader);
    for pid in members(init, &[]).into_iter().filter(|pid| *pid != init && is_in(*pid)) {
        // The descriptor first, then asked again: it cannot be of another process.
        if let Some(pidfd) = u32::try_from(pid).ok().and_then(|pid| open_pidfd(pid).ok())
            && is_in(pid)
        {
            // Gone already is what we want.
            let _ = signal_by_pidfd(pidfd.as_raw_fd(), libc::SIGKILL);
        }
    }
}

fn session(pid: i32) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(3)?.parse().ok()
}

/// Three streams that give nothing and take everything.
fn nothing() -> io::Result<[OwnedFd; 3]> {
    let null = || OpenOptions::new().read(true).write(true).open("/dev/null").map(OwnedFd::from);
    Ok([null()?, null()?, null()?])
}

/// The caller's side: gives the other ends away with `send`, and stays until the program has ended. Its wall time and
/// output are held here; everything else is held by the sandbox's own supervisor.
pub(crate) fn run_guest(
    settings: &Settings,
    streams: Streams,
    terminal: Option<(u16, u16)>,
    commands: Option<&Commands>,
    send: impl FnOnce(&[BorrowedFd<'_>]) -> io::Result<()>,
) -> Result<Finished, RunError> {
    // Only to name a step that fails: the supervisor makes its own.
    let spec = Spec::join(settings, &Ground::of_this_process(false), Users::Own)?;
    let (running, report, ends) =
        wire(settings, streams, terminal.unwrap_or_default()).map_err(StartError::Channel)?;
    // Until it has its terminal it has nothing, and nothing of the supervisor's.
    let ends = ends.map_or_else(nothing, Ok).map_err(StartError::Channel)?;
    let [stdin, stdout, stderr] = &ends;
    send(&[report.as_fd(), stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]).map_err(StartError::Channel)?;
    drop((report, ends));
    let running = Running { remote: true, joined: true, rooms: 0, ..running };
    let company = Company::of(Counting::Others);
    let ended = supervise(running, &settings.limits, commands, company).map_err(RunError::Supervision)?;
    conclude(&spec, ended, None)
}
