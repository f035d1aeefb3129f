//! Backends that are a process of ours: a module's, or the one that stays with a machine's monitor. It gets its order and the
//! streams over a socket, and says at its end how the program ended.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::run::Around;
use crate::io::{Commands, Streams};
use crate::microvm::{FailureKind, VmOrder, VmReport};
use crate::native::{
    Berth, Bounds, Company, Counting, Delivery, Ended, Finished, Group, Hands, Role, RootFolder, RunError,
    Running, open_pidfd, pipes, receive, room, send, signal_by_pidfd, start_helper, supervise,
};
use crate::outcome::{End, Limit, Measured, Usage};
#[cfg(feature = "wasm")]
use crate::wasm::{FailureKind as ModuleFailure, WasmAnswer, WasmOrder};

/// What such a process is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Own {
    /// To run a WebAssembly module.
    #[cfg(feature = "wasm")]
    Module(Box<WasmOrder>),
    /// To start a virtual machine, and to stay with it.
    Machine(Box<VmOrder>),
}

impl Own {
    const fn role(&self) -> Role {
        match self {
            #[cfg(feature = "wasm")]
            Self::Module(_) => Role::Module,
            Self::Machine(_) => Role::Machine,
        }
    }

    /// The limits of its cgroups, where it has some: a machine's memory is bounded by its size.
    fn group_bounds(&self) -> Option<Bounds> {
        match self {
            #[cfg(feature = "wasm")]
            Self::Module(order) => Some(order.bounds_of_group()),
            Self::Machine(_) => None,
        }
    }

    fn text(&self, joins: usize) -> serde_json::Result<Vec<u8>> {
        match self {
            #[cfg(feature = "wasm")]
            Self::Module(order) => serde_json::to_vec(&WasmOrder { joins, ..order.as_ref().clone() }),
            Self::Machine(order) => {
                debug_assert!(joins == 0, "a machine joins nothing");
                serde_json::to_vec(order)
            }
        }
    }

    /// What is done, in order, for people.
    pub(crate) fn steps(&self) -> Vec<String> {
        match self {
            #[cfg(feature = "wasm")]
            Self::Module(order) => order.steps(),
            Self::Machine(order) => order.steps(),
        }
    }
}

/// Runs it to its end.
pub(crate) fn run_own(
    own: &Own,
    bounds: &Bounds,
    root: &RootFolder,
    (streams, commands): (Streams, Option<&Commands>),
    around: &Around<'_>,
) -> Result<Finished, RunError> {
    let berth = own.group_bounds().map(|bounds| Berth::take(around.runtime, room(), &bounds)).transpose()?;
    let group = berth.as_ref().and_then(Berth::group);
    let joins = group.map(Group::doors).transpose().map_err(RunError::Limits)?.unwrap_or_default();
    (around.before)().map_err(RunError::Supervision)?;
    let (control, theirs) = UnixStream::pair().map_err(RunError::Helper)?;
    let child =
        start_helper(Path::new("/proc/self/exe"), own.role(), theirs.into()).map_err(RunError::Helper)?;
    let pidfd = open_pidfd(child.id()).map_err(|errno| RunError::Helper(errno.into()))?;
    let hands = Reach { control: &control, process: pidfd.try_clone().map_err(RunError::Helper)? };
    let (running, [stdin, stdout, stderr]) = wire(streams, (child.id(), pidfd)).map_err(RunError::Helper)?;
    let mut given = vec![stdin.as_fd(), stdout.as_fd(), stderr.as_fd(), root.folder.as_fd()];
    given.extend(joins.iter().map(OwnedFd::as_fd));
    given.extend(secrets(own, around));
    let text = own.text(joins.len()).map_err(|error| RunError::Helper(error.into()))?;
    send(&control, &text, &given).map_err(RunError::Helper)?;
    drop(given);
    drop([stdin, stdout, stderr]);
    if let (Some(observer), Some((pid, process))) = (around.observer, &running.process) {
        observer.started(*pid, process.as_fd(), None);
    }
    let company = Company { observer: around.observer, hands: Some(&hands), ..Company::of(Counting::Others) };
    let ended = supervise(running, bounds, commands, company).map_err(RunError::Supervision)?;
    let said = receive(&control).ok().flatten().map(|(text, _)| text);
    finish(own, ended, said.as_deref(), group)
}

/// Values of the secrets that it is to show, in the order of their names in the order.
fn secrets<'a>(own: &'a Own, around: &'a Around<'_>) -> Vec<BorrowedFd<'a>> {
    match own {
        #[cfg(feature = "wasm")]
        Own::Module(order) => {
            let values = order.secrets.iter().filter_map(|name| around.secrets?.descriptor(name));
            values.collect()
        }
        Own::Machine(_) => {
            let _ = around.secrets;
            Vec::new()
        }
    }
}

fn wire(streams: Streams, (pid, pidfd): (u32, OwnedFd)) -> io::Result<(Running, [OwnedFd; 3])> {
    let (report, silence) = UnixStream::pair()?;
    // It reports by its socket, at its end.
    drop(silence);
    let mut running = Running::new(report.into(), 0);
    let (ours, theirs) = pipes()?;
    running.plug(ours, streams);
    running.process = i32::try_from(pid).ok().map(|pid| (pid, pidfd));
    Ok((running, theirs))
}

struct Reach<'a> {
    control: &'a UnixStream,
    process: OwnedFd,
}

impl Hands for Reach<'_> {
    fn signal(&self, number: i32) -> Delivery {
        // One that has ended needs no signal.
        drop(send(self.control, format!("{{\"signal\":{number}}}").as_bytes(), &[]));
        Delivery::Sent
    }

    fn kill(&self) {
        // All that it started ends with it.
        let _ = signal_by_pidfd(self.process.as_raw_fd(), libc::SIGKILL);
    }
}

/// How it ended, in the words of both kinds.
#[derive(Default)]
struct Said {
    end: Option<End>,
    limit: Option<Limit>,
    error: Option<RunError>,
    usage: Option<(Duration, Duration, u64)>,
}

fn finish(own: &Own, ended: Ended, said: Option<&[u8]>, group: Option<&Group>) -> Result<Finished, RunError> {
    if let Some((stream, source)) = ended.unwritable {
        return Err(RunError::Output { stream, source });
    }
    let Some(exit) = ended.exit else {
        return Err(RunError::Supervision(io::ErrorKind::UnexpectedEof.into()));
    };
    let said = said.map(|text| read(own, text)).transpose()?;
    let killed = ended.limit.or_else(|| {
        let by_kernel = exit.signal == Some(libc::SIGKILL) && group.is_some_and(Group::memory_was_hit);
        by_kernel.then_some(Limit::Memory)
    });
    let Said { end, limit, error, usage } = match (said, killed, exit.signal) {
        (_, Some(limit), _) => {
            Said { end: Some(End::Killed(libc::SIGKILL)), limit: Some(limit), ..Said::default() }
        }
        (Some(said), None, _) => said,
        // Without a word it was ended by the kernel, which says by the signal what for.
        (None, None, Some(signal)) => {
            let limit = match signal {
                libc::SIGXFSZ => Some(Limit::Disk),
                libc::SIGXCPU => Some(Limit::Cpu),
                _ => None,
            };
            Said { end: Some(End::Killed(signal)), limit, ..Said::default() }
        }
        (None, None, None) => Said::default(),
    };
    if let Some(error) = error {
        return Err(error);
    }
    let end = end.ok_or_else(|| RunError::Supervision(io::ErrorKind::UnexpectedEof.into()))?;
    let (user, system, told) = usage.unwrap_or((exit.user, exit.system, 0));
    let (peak_memory, peak_measured) = match group.and_then(Group::peak) {
        Some(peak) => (peak, Measured::Cgroup),
        None if told > 0 => (told, Measured::Cgroup),
        None => (exit.largest_process, Measured::LargestProcess),
    };
    let usage = Usage { wall: ended.wall, user, system, peak_memory, peak_measured };
    let (stdout, stderr, output) = (ended.stdout, ended.stderr, ended.output);
    Ok(Finished { end, limit, stdout, stderr, usage, output, egress: None })
}

/// Reads what it said. Parts of that are the image's words, or the guest's.
fn read(own: &Own, text: &[u8]) -> Result<Said, RunError> {
    let broken = |error: serde_json::Error| RunError::Supervision(error.into());
    match own {
        #[cfg(feature = "wasm")]
        Own::Module(order) => {
            let answer: WasmAnswer = serde_json::from_slice(text).map_err(broken)?;
            let name = order.argv.first().cloned().unwrap_or_default();
            let failure = answer.failure.filter(|_| answer.end.is_none());
            let error = failure.map(|failure| match failure.kind {
                ModuleFailure::ModuleNotFound => RunError::ProgramNotFound(name),
                ModuleFailure::Setup => RunError::Helper(io::Error::other(failure.text)),
                ModuleFailure::ModuleUnreadable
                | ModuleFailure::ModuleTooLarge
                | ModuleFailure::NotAModule
                | ModuleFailure::ModuleUnfit
                | ModuleFailure::Trap => {
                    RunError::ProgramNotExecutable { program: name, errno: failure.text }
                }
            });
            Ok(Said { end: answer.end, limit: answer.limit, error, usage: None })
        }
        Own::Machine(order) => {
            let report: VmReport = serde_json::from_slice(text).map_err(broken)?;
            let name = order.settings.argv.first().cloned().unwrap_or_default();
            let error = report.failure.map(|failure| match failure.kind {
                FailureKind::NotFound => RunError::ProgramNotFound(name),
                FailureKind::NotExecutable => {
                    RunError::ProgramNotExecutable { program: name, errno: failure.why }
                }
                FailureKind::Output => {
                    RunError::Output { stream: "its streams", source: io::Error::other(failure.why) }
                }
                FailureKind::Order
                | FailureKind::Image
                | FailureKind::Monitor
                | FailureKind::Guest
                | FailureKind::Setup => RunError::Helper(io::Error::other(failure.why)),
            });
            let times = (
                Duration::from_micros(report.user),
                Duration::from_micros(report.system),
                report.peak_memory,
            );
            Ok(Said { end: report.end, limit: report.limit, error, usage: Some(times) })
        }
    }
}
