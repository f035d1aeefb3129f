//! One run from settings to its end: streams, cgroup, start, supervision, clean-up.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::pipe2;

use super::berth::{Berth, clear};
use super::cgroup::{Group, Room};
use super::devices;
use super::failure::{RunError, remedy_of_folder, setup_error};
use super::files;
use super::ids::Ids;
use super::launcher::Launcher;
use super::observer::Observer;
use super::pump::{Pump, never_block};
use super::recorder::Recorder;
use super::rooms;
use super::settings::{RootFolder, Settings};
use super::spec::{Ground, Spec};
use super::start::{Given, StartError, start, this_process};
use super::steps::{Slot, Step};
use super::supervise::{Company, Counting, Ended, Running, Screen, supervise};
use super::sys::{Errno, Exit, clone_host};
use super::warm::{self, Warmth};
use crate::egress::EgressUse;
use crate::io::{Commands, Input, Streams};
use crate::outcome::{End, Limit, Measured, Usage};
use crate::project::{Neighbour, hold, join, neighbour};
use crate::publish::Publisher;
use crate::secret::Secrets;

/// How a native run ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) end: End,
    pub(crate) limit: Option<Limit>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) usage: Usage,
    /// Bytes of output that were passed on.
    pub(crate) output: u64,
    /// What went through the egress proxy, where there was one.
    pub(crate) egress: Option<EgressUse>,
}

/// What a run needs beside its settings.
pub(crate) struct Place<'a> {
    /// Where cgroups can be made.
    pub(crate) room: &'a Room,
    /// The folder of live sandboxes.
    pub(crate) live: &'a Path,
    /// Rows and columns of a terminal.
    pub(crate) window: (u16, u16),
    /// The process that clones; nothing: this one.
    pub(crate) launcher: Option<&'a Launcher>,
    /// How many sandboxes for further calls the launcher is to keep ready.
    pub(crate) warmth: Option<&'a Warmth>,
    /// Values of the secrets that the settings name.
    pub(crate) secrets: Option<&'a Secrets>,
    /// Who is told how it goes on.
    pub(crate) observer: Option<&'a dyn Observer>,
    /// Who answers about every call; nothing: the plan's own filter is loaded.
    pub(crate) recorder: Option<&'a Recorder>,
    /// By what it is reached; [`run`] makes it.
    pub(crate) publisher: Option<&'a Publisher>,
    /// What has to be done before the program runs. The sandbox is set up meanwhile; when it fails, there is none.
    pub(crate) before: Option<&'a (dyn Fn() -> io::Result<()> + Sync)>,
}

impl std::fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("live", &self.live).finish_non_exhaustive()
    }
}

/// Runs a sandbox to its end.
pub(crate) fn run(
    settings: &Settings,
    root: &RootFolder,
    streams: Streams,
    commands: Option<&Commands>,
    place: &Place<'_>,
) -> Result<Finished, RunError> {
    // What cannot be reached is not started.
    let publisher = Publisher::bind(&settings.publish)?;
    publisher.as_ref().map_or(Ok(()), |publisher| publisher.tell(place.observer))?;
    let place = &Place { publisher: publisher.as_ref(), ..*place };
    clear(place.live)?;
    if let Some(released) = warm::release(settings, root, place)? {
        return released.stay(settings, streams, commands, place);
    }
    let berth = Berth::take(place.live, place.room, &settings.limits)?;
    run_in(settings, root, streams, commands, (&berth, place))
}

/// What the caller wants done before the program runs.
pub(super) fn before(place: &Place<'_>) -> Result<(), RunError> {
    place.before.map_or(Ok(()), |before| before()).map_err(|error| StartError::Channel(error).into())
}

fn run_in(
    settings: &Settings,
    root: &RootFolder,
    streams: Streams,
    commands: Option<&Commands>,
    (berth, place): (&Berth, &Place<'_>),
) -> Result<Finished, RunError> {
    let (group, note) = (berth.group(), berth.note()?);
    let spec = Spec::assemble(settings, &Ground::survey(settings, root, group.map(Group::joined))?)?;
    // Until the sandbox is gone: what is bound here is dropped after its supervision.
    let _volumes = hold(&settings.volumes, (settings.uid, settings.gid))?;
    let known = &settings.system.hosts;
    let resident = settings.resident.as_ref();
    let mut membership = join(place.live, &settings.networks, resident, known)?;
    let beside = settings.beside.as_ref().map(|service| neighbour(place.live, service, resident));
    let beside = beside.transpose()?;
    let links = membership.as_ref().map(|membership| membership.links.clone()).unwrap_or_default();
    let spec = Spec { links, ..spec };
    let spec = place.recorder.into_iter().fold(spec, |spec, recorder| spec.recorded(&recorder.filter));
    let channel = |error: io::Error| RunError::Start(StartError::Channel(error));
    let (mut running, given) = connect(settings, root, streams, place.window).map_err(channel)?;
    let mut given = given.join(group).map_err(RunError::Limits)?;
    given.others = others(settings, place.secrets)?;
    given.others.extend(membership.iter_mut().flat_map(|membership| membership.given.drain(..)));
    given.others.extend(beside.into_iter().flat_map(Neighbour::into_given));
    if let Some(launcher) = place.launcher {
        // The launcher process lets it go by itself.
        before(place)?;
        launcher.send(&spec, &given, place.live).map_err(channel)?;
        drop(given);
        running.remote = true;
        running.note = Some(note);
    } else {
        let child = start(&spec, given, |pid| {
            note.started(pid)?;
            membership.as_ref().map_or(Ok(()), |membership| membership.started(pid))?;
            place.before.map_or(Ok(()), |before| before())
        })?;
        if let Some(observer) = place.observer {
            observer.started(child.pid, child.pidfd.as_fd(), group);
        }
        running.process = Some((child.pid, child.pidfd));
    }
    stay(running, &spec, settings, commands, (group, place))
}

/// Stays until it has ended.
pub(super) fn stay(
    running: Running,
    spec: &Spec,
    settings: &Settings,
    commands: Option<&Commands>,
    (group, place): (Option<&Group>, &Place<'_>),
) -> Result<Finished, RunError> {
    let counting = group.map_or(Counting::Us, Counting::Kernel);
    let egress = Some(&settings.egress).filter(|grants| !grants.is_empty());
    let (company, publisher) = (Company::of(counting), place.publisher);
    let company =
        Company { observer: place.observer, recorder: place.recorder, egress, publisher, ..company };
    let ended = supervise(running, &settings.limits, commands, company).map_err(RunError::Supervision)?;
    conclude(spec, ended, group)
}

impl Given {
    pub(super) fn join(mut self, group: Option<&Group>) -> io::Result<Self> {
        if let Some(group) = group {
            self.cgroup = group.birth()?;
            self.joins = group.joins()?;
        }
        Ok(self)
    }
}

/// Makes the pipes. Only pipes of our own are ever given to a sandbox: a file of the host as standard output can be
/// opened again through /proc/self/fd/1 and shows its path.
pub(crate) fn connect(
    settings: &Settings,
    root: &RootFolder,
    streams: Streams,
    window: (u16, u16),
) -> io::Result<(Running, Given)> {
    let (running, inner, ends) = wire(settings, streams, window)?;
    let given = Given {
        streams: ends,
        report: inner,
        root: root.folder.try_clone()?,
        others: Vec::new(),
        owner: this_process().map_err(io::Error::other)?,
        cgroup: None,
        joins: Vec::new(),
    };
    Ok((running, given))
}

/// Both ends of the report and the streams: ours, the report's other end, and the sandbox's streams.
pub(super) fn wire(
    settings: &Settings,
    streams: Streams,
    window: (u16, u16),
) -> io::Result<(Running, OwnedFd, Option<[OwnedFd; 3]>)> {
    let (report, inner) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    let mut running = Running::new(report, rooms::all(settings).len());
    if settings.terminal {
        let (bytes, source) = bytes_and_source(streams.stdin);
        running.screen = Some(Screen { bytes, source, sink: streams.stdout, size: window });
        return Ok((running, inner, None));
    }
    let (ours, theirs) = pipes()?;
    running.plug(ours, streams);
    Ok((running, inner, Some(theirs)))
}

pub(super) fn bytes_and_source(stdin: Input) -> (Vec<u8>, Option<OwnedFd>) {
    match stdin {
        Input::Null => (Vec::new(), None),
        Input::Bytes(bytes) => (bytes, None),
        Input::Descriptor(source) => (Vec::new(), Some(source)),
    }
}

impl Running {
    /// Nothing has started yet, and nothing goes in or out. It will show so many file systems of its own.
    pub(crate) fn new(report: OwnedFd, rooms: usize) -> Self {
        Self {
            joined: false,
            process: None,
            remote: false,
            rooms,
            note: None,
            report,
            heard: Vec::new(),
            inward: None,
            outward: [None, None],
            screen: None,
        }
    }

    /// Puts the caller's streams to our ends of the pipes.
    pub(crate) fn plug(&mut self, [to, from, from_error]: [OwnedFd; 3], streams: Streams) {
        let (bytes, source) = bytes_and_source(streams.stdin);
        self.inward = Some(Pump::inward(bytes, source, to, None));
        self.outward =
            [Some(Pump::outward(from, streams.stdout)), Some(Pump::outward(from_error, streams.stderr))];
    }
}

/// Our ends of the three streams, which never block, and the sandbox's.
pub(crate) fn pipes() -> io::Result<([OwnedFd; 3], [OwnedFd; 3])> {
    let [(stdin, to), (from, stdout), (from_error, stderr)] = [pipe()?, pipe()?, pipe()?];
    for ours in [&to, &from, &from_error] {
        never_block(ours)?;
    }
    Ok(([to, from, from_error], [stdin, stdout, stderr]))
}

pub(super) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(OFlag::O_CLOEXEC)?)
}

/// What only some settings need.
pub(super) fn others(
    settings: &Settings,
    secrets: Option<&Secrets>,
) -> Result<Vec<(Slot, OwnedFd)>, RunError> {
    let mut others = host_trees(settings)?;
    others.extend(files::given(settings, secrets)?);
    others.extend(devices::given(settings)?);
    Ok(others)
}

/// As root the parent clones host folders: a child in a user namespace may not enter what only root may.
fn host_trees(settings: &Settings) -> Result<Vec<(Slot, OwnedFd)>, StartError> {
    if (settings.mounts.is_empty() && settings.volumes.is_empty()) || Ids::of_this_process() != Ids::Range {
        return Ok(Vec::new());
    }
    let clone = |path: &str| {
        let refused = |errno: Errno| StartError::Mount {
            path: path.to_owned(),
            errno: errno.to_string(),
            remedy: remedy_of_folder(errno),
        };
        clone_host(path).map_err(refused)
    };
    let mounts = (0_u8..).zip(&settings.mounts).map(|(number, mount)| (Slot::Host(number), &mount.path));
    let volumes = (0_u8..).zip(&settings.volumes).map(|(number, one)| (Slot::Volume(number), &one.path));
    mounts.chain(volumes).map(|(slot, path)| Ok((slot, clone(path)?))).collect()
}

pub(super) fn conclude(spec: &Spec, ended: Ended, group: Option<&Group>) -> Result<Finished, RunError> {
    if let Some((number, errno)) = ended.failed {
        return Err(setup_error(spec, number, Errno(errno)));
    }
    if let Some(why) = ended.refused {
        return Err(StartError::Launcher(why).into());
    }
    if let Some((stream, source)) = ended.unwritable {
        return Err(RunError::Output { stream, source });
    }
    let Some(exit) = ended.exit else {
        return Err(RunError::Supervision(io::ErrorKind::UnexpectedEof.into()));
    };
    let mut limit = ended.limit;
    if limit.is_none() && group.is_some_and(Group::memory_was_hit) {
        limit = Some(Limit::Memory);
    }
    if limit.is_none() && cpu_was_hit(spec, &exit) {
        limit = Some(Limit::Cpu);
    }
    let end = match (ended.as_if, exit.signal) {
        (Some(signal), Some(libc::SIGKILL)) if limit.is_none() => End::Killed(signal),
        (_, Some(signal)) => End::Killed(signal),
        (_, None) => End::Exited(exit.code.unwrap_or(125)),
    };
    if limit.is_none() && end != End::Exited(0) {
        limit = if exit.signal == Some(libc::SIGXFSZ) { Some(Limit::Disk) } else { ended.ran_into };
    }
    let (peak_memory, peak_measured) = match group.and_then(Group::peak) {
        Some(peak) => (peak, Measured::Cgroup),
        None if ended.peak.memory > exit.largest_of_program().unwrap_or(0) => {
            (ended.peak.memory, Measured::Sampled)
        }
        None => (exit.largest_process, Measured::LargestProcess),
    };
    let usage = Usage { wall: ended.wall, user: exit.user, system: exit.system, peak_memory, peak_measured };
    let (stdout, stderr, output, egress) = (ended.stdout, ended.stderr, ended.output, ended.egress);
    Ok(Finished { end, limit, stdout, stderr, usage, output, egress })
}

/// Whether the kernel ended process 1 for its processor time. As the first of its namespace it is deaf to SIGXCPU unless
/// it catches it; the kill that comes at the hard limit is told from others by the time that was used.
fn cpu_was_hit(spec: &Spec, exit: &Exit) -> bool {
    let allowed = cpu_seconds(spec).map(|(soft, _)| Duration::from_secs(soft));
    let used = exit.user.saturating_add(exit.system);
    match exit.signal {
        Some(libc::SIGXCPU) => true,
        Some(libc::SIGKILL) => allowed.is_some_and(|allowed| used >= allowed),
        _ => false,
    }
}

/// Soft and hard limit of processor time, in seconds.
fn cpu_seconds(spec: &Spec) -> Option<(u64, u64)> {
    spec.steps.iter().find_map(|step| {
        let Step::Limit { resource: libc::RLIMIT_CPU, soft, hard } = step else { return None };
        Some((*soft, *hard))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::spec_of;
    use super::*;

    #[test]
    fn a_kill_after_all_processor_time_is_the_limit_and_one_before_is_not() {
        // 30 s of one processor.
        let spec = spec_of(&["/bin/true"]);
        let hit = |signal, seconds| {
            let (user, system) = (Duration::from_secs(seconds), Duration::from_millis(500));
            cpu_was_hit(
                &spec,
                &Exit {
                    code: None,
                    signal: Some(signal),
                    user,
                    system,
                    largest_process: 0,
                    callers_largest: 0,
                },
            )
        };
        assert!(hit(libc::SIGKILL, 30) && hit(libc::SIGXCPU, 1));
        assert!(!hit(libc::SIGKILL, 29) && !hit(libc::SIGTERM, 31));
        let (soft, hard) = cpu_seconds(&spec).unwrap();
        assert!(soft < hard, "the kernel says why before it kills");
    }
}
