//! One run from settings to its end: streams, cgroup, start, supervision, clean-up.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::pipe2;
use thiserror::Error;

use super::cgroup::{Group, Room};
use super::devices;
use super::facts::fresh_name;
use super::ground::RootError;
use super::ids::Ids;
use super::launcher::Launcher;
use super::live::{Live, Note, reap};
use super::observer::Observer;
use super::pump::{Pump, never_block};
use super::recorder::Recorder;
use super::secrets;
use super::settings::{HostFolder, RootFolder, Settings};
use super::spec::{Ground, Spec, SpecError, own_room};
use super::start::{Given, StartError, start, this_process};
use super::steps::{Slot, Step};
use super::supervise::{Company, Counting, Ended, Running, Screen, supervise};
use super::sys::{Errno, Exit, clone_host};
use crate::egress::EgressUse;
use crate::io::{Commands, Input, Streams};
use crate::outcome::{End, Limit, Measured, Usage};
use crate::secret::{SecretError, Secrets};

/// Why a sandbox did not run. Nothing of it is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The settings cannot be carried out.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The image's tree cannot be a root.
    #[error(transparent)]
    Root(#[from] RootError),
    /// The process could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A step of the set-up failed.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The program is not in the image.
    #[error("`{0}` was not found in the image: check the command, and `PATH` if it has no slash")]
    ProgramNotFound(String),
    /// The program is there and cannot be executed.
    #[error("`{program}` of the image cannot be executed: {errno}")]
    ProgramNotExecutable {
        /// What was to be run.
        program: String,
        /// What the kernel said.
        errno: String,
    },
    /// Secrets and plan do not fit.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// Limits could not be set up.
    #[error("cannot make the cgroup that holds the limits: {0}")]
    Limits(#[source] io::Error),
    /// The folder of live sandboxes cannot be written.
    #[error("cannot record the sandbox in the folder of live sandboxes: {0}; check the runtime folder")]
    Live(#[source] io::Error),
    /// A sandbox of a runner that was killed could not be ended.
    #[error("nothing new is started: {0}")]
    StillRunning(String),
    /// What the program wrote cannot be passed on; the sandbox was killed.
    #[error("cannot write the program's output to {stream}, so it was killed: {source}")]
    Output {
        /// Standard output or standard error.
        stream: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Calls could not be answered any more.
    #[error("the recorder failed, and calls of the program with it: {0}")]
    Recorder(#[source] io::Error),
    /// The supervisor failed; the sandbox was killed.
    #[error("lost touch with the sandbox, so it was killed: {0}")]
    Supervision(#[source] io::Error),
}

/// A step of the set-up that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot set up the sandbox: step {number}, {step}: {errno}{remedy}")]
pub struct SetupError {
    number: u32,
    step: String,
    errno: String,
    remedy: &'static str,
}

impl RunError {
    /// Which kind it is, for the trail: without names or values of the request.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Spec(_) => "spec",
            Self::Root(_) => "root",
            Self::Start(_) => "start",
            Self::Setup(_) => "setup",
            Self::ProgramNotFound(_) => "program-not-found",
            Self::ProgramNotExecutable { .. } => "program-not-executable",
            Self::Secrets(_) => "secrets",
            Self::Limits(_) => "limits",
            Self::Live(_) => "live",
            Self::StillRunning(_) => "still-running",
            Self::Output { .. } => "output",
            Self::Recorder(_) => "recorder",
            Self::Supervision(_) => "supervision",
        }
    }
}

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
    /// Values of the secrets that the settings name.
    pub(crate) secrets: Option<&'a Secrets>,
    /// Who is told how it goes on.
    pub(crate) observer: Option<&'a dyn Observer>,
    /// Who answers about every call; nothing: the plan's own filter is loaded.
    pub(crate) recorder: Option<&'a Recorder>,
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
    // What others left does not stop this run and is tried again by the next one; a sandbox that still runs does.
    let left = reap(place.live).unwrap_or_default().running;
    if !left.is_empty() {
        return Err(RunError::StillRunning(left.join("; ")));
    }
    let name = fresh_name();
    let group = place.room.plan(&name);
    if settings.limits.memory_exact && group.is_none() {
        return Err(RunError::Limits(io::ErrorKind::Unsupported.into()));
    }
    let live = Live::record(place.live, &name, group.as_ref()).map_err(RunError::Live)?;
    if let Some(group) = &group {
        group.make(&settings.limits).map_err(RunError::Limits)?;
    }
    let answer = live
        .note()
        .map_err(RunError::Live)
        .and_then(|note| run_in(settings, root, streams, commands, (group.as_ref(), note, place)));
    if group.is_none_or(|group| group.remove()) {
        drop(live);
    } else {
        // The record stays for the next start; the lock goes with this process.
        live.leave();
    }
    answer
}

fn run_in(
    settings: &Settings,
    root: &RootFolder,
    streams: Streams,
    commands: Option<&Commands>,
    (group, note, place): (Option<&Group>, Note, &Place<'_>),
) -> Result<Finished, RunError> {
    let spec = Spec::assemble(settings, &Ground::survey(settings, root, group.map(Group::joined))?)?;
    let spec = place.recorder.into_iter().fold(spec, |spec, recorder| spec.recorded(&recorder.filter));
    let channel = |error: io::Error| RunError::Start(StartError::Channel(error));
    let (mut running, given) = connect(settings, root, streams, place.window).map_err(channel)?;
    let mut given = given.join(group).map_err(RunError::Limits)?;
    given.others = others(settings, place.secrets)?;
    let before = || place.before.map_or(Ok(()), |before| before());
    if let Some(launcher) = place.launcher {
        // The launcher process lets it go by itself.
        before().map_err(channel)?;
        launcher.send(&spec, &given).map_err(channel)?;
        drop(given);
        running.remote = true;
        running.note = Some(note);
    } else {
        let child = start(&spec, given, |pid| note.started(pid).and_then(|()| before()))?;
        if let Some(observer) = place.observer {
            observer.started(child.pid, child.pidfd.as_fd(), group);
        }
        running.process = Some((child.pid, child.pidfd));
    }
    let counting = group.map_or(Counting::Us, Counting::Kernel);
    let egress = Some(&settings.egress).filter(|grants| !grants.is_empty());
    let company = Company { counting, observer: place.observer, recorder: place.recorder, egress };
    let ended = supervise(running, &settings.limits, commands, company).map_err(RunError::Supervision)?;
    conclude(&spec, ended, group)
}

impl Given {
    fn join(mut self, group: Option<&Group>) -> io::Result<Self> {
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
    let mut running = Running {
        joined: false,
        process: None,
        remote: false,
        rooms: 1_usize.saturating_add(usize::from(own_room(settings).is_some())),
        note: None,
        report,
        inward: None,
        outward: [None, None],
        screen: None,
    };
    let (bytes, source) = match streams.stdin {
        Input::Null => (Vec::new(), None),
        Input::Bytes(bytes) => (bytes, None),
        Input::Descriptor(source) => (Vec::new(), Some(source)),
    };
    let ends = if settings.terminal {
        running.screen = Some(Screen { bytes, source, sink: streams.stdout, size: window });
        None
    } else {
        let [(stdin, to), (from, stdout), (from_error, stderr)] = [pipe()?, pipe()?, pipe()?];
        for ours in [&to, &from, &from_error] {
            never_block(ours)?;
        }
        running.inward = Some(Pump::inward(bytes, source, to, None));
        running.outward =
            [Some(Pump::outward(from, streams.stdout)), Some(Pump::outward(from_error, streams.stderr))];
        Some([stdin, stdout, stderr])
    };
    Ok((running, inner, ends))
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe2(OFlag::O_CLOEXEC)?)
}

/// What only some settings need.
pub(super) fn others(
    settings: &Settings,
    secrets: Option<&Secrets>,
) -> Result<Vec<(Slot, OwnedFd)>, RunError> {
    let mut others = host_trees(settings)?;
    others.extend(secrets::given(settings, secrets)?);
    others.extend(devices::given(settings)?);
    Ok(others)
}

/// As root the parent clones host folders: a child in a user namespace may not enter what only root may.
fn host_trees(settings: &Settings) -> Result<Vec<(Slot, OwnedFd)>, StartError> {
    if settings.mounts.is_empty() || Ids::of_this_process() != Ids::Range {
        return Ok(Vec::new());
    }
    let clone = |(number, mount): (u8, &HostFolder)| {
        let refused = |errno: Errno| StartError::Mount {
            path: mount.path.clone(),
            errno: errno.to_string(),
            remedy: remedy_of_folder(errno),
        };
        Ok((Slot::Host(number), clone_host(&mount.path).map_err(refused)?))
    };
    (0_u8..).zip(&settings.mounts).map(clone).collect()
}

fn remedy_of_folder(errno: Errno) -> &'static str {
    match errno.0 {
        libc::ELOOP => "; there is a symbolic link on the way: name the real path",
        libc::ENOENT => "; the folder is not there",
        libc::EACCES => "; you may not enter that folder",
        _ => "",
    }
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
        None if ended.peak.memory > exit.largest_process => (ended.peak.memory, Measured::Sampled),
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

fn setup_error(spec: &Spec, number: u32, errno: Errno) -> RunError {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    let program = || spec.argv.first().map(ToString::to_string).unwrap_or_default();
    match (spec.steps.get(index), errno.0) {
        (Some(Step::CheckProgram { .. }), libc::EACCES) => RunError::ProgramNotExecutable {
            program: program(),
            errno: "it, its interpreter or its loader cannot be read, is relative, or lies in /proc, where programs of the host could be reached".to_owned(),
        },
        (Some(Step::Execute { .. }), libc::ENOENT) => RunError::ProgramNotFound(program()),
        (Some(Step::Execute { .. }), _) => {
            RunError::ProgramNotExecutable { program: program(), errno: errno.to_string() }
        }
        (step, _) => SetupError {
            number,
            step: step.map_or_else(|| "an unknown step".to_owned(), ToString::to_string),
            errno: errno.to_string(),
            remedy: step.map_or("", |step| remedy(step, errno)),
        }
        .into(),
    }
}

/// What the user can do about a refused step.
fn remedy(step: &Step, errno: Errno) -> &'static str {
    match (step, errno.0) {
        (Step::NewFilesystem { kind, .. }, libc::EPERM) if kind.to_string() == "proc" => {
            "; this happens inside a container whose own /proc is masked: allow it an unmasked /proc, or run on the host"
        }
        (Step::NewFilesystem { kind, .. }, _) if kind.to_string() == "overlay" => {
            "; overlayfs in a user namespace needs Linux 5.11, and a store that is not itself on stacked overlays"
        }
        (Step::WorkingFolder { .. }, libc::ENOENT | libc::ENOTDIR) => {
            "; the image has no such folder: choose another working folder"
        }
        (Step::WorkingFolder { .. }, libc::EACCES) => {
            "; the sandbox's user may not enter that folder: choose another working folder"
        }
        (Step::WorkingFolder { .. }, libc::EXDEV | libc::ELOOP) => {
            "; it leads out of the image, into /proc or to another mount, where descriptors of the host could be reached: choose another working folder"
        }
        (Step::OpenHost { .. }, libc::ELOOP | libc::ENOENT | libc::EACCES) => remedy_of_folder(errno),
        (Step::Pivot, libc::EINVAL) => {
            "; the host's root is an initial RAM disk, which cannot be left: run from a real root file system"
        }
        (Step::AwaitIds | Step::AwaitRelease | Step::DieWithParent, libc::ECANCELED) => {
            "; the runner stopped while the sandbox started"
        }
        (Step::Confine { .. }, libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL) => {
            "; a program joins a sandbox with a writable root only under a kernel with Landlock (Linux 5.19, `lsm=landlock`)"
        }
        (_, libc::ENOSYS) => "; this kernel is too old: Linux 5.12 or newer is needed",
        _ => "",
    }
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
            cpu_was_hit(&spec, &Exit { code: None, signal: Some(signal), user, system, largest_process: 0 })
        };
        assert!(hit(libc::SIGKILL, 30) && hit(libc::SIGXCPU, 1));
        assert!(!hit(libc::SIGKILL, 29) && !hit(libc::SIGTERM, 31));
        let (soft, hard) = cpu_seconds(&spec).unwrap();
        assert!(soft < hard, "the kernel says why before it kills");
    }
}
