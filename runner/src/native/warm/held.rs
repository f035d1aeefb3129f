//! One sandbox that waits for its call.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, send, socketpair};

use super::call::{Call, Key};
use super::pool::Order;
use crate::io::{Commands, Streams};
use crate::native::berth::{Berth, clear};
use crate::native::failure::RunError;
use crate::native::launcher::Cloner;
use crate::native::report::{Report, read_report};
use crate::native::run::{Finished, Place, pipes, stay};
use crate::native::settings::Settings;
use crate::native::spec::Spec;
use crate::native::start::{Given, StartError, this_process};
use crate::native::steps::Step;
use crate::native::supervise::Running;
use crate::native::sys::{peek_exited, signal_by_pidfd};
use crate::native::wait::await_readable;

/// How long one may take to be ready, and to be gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long is waited before it is asked again whether anybody wants it.
const GLANCE: Duration = Duration::from_millis(100);

/// A sandbox that is ready, and everything of it. Gone when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    key: Arc<Key>,
    made: Instant,
    running: Running,
    ends: [OwnedFd; 3],
    // Removed after the process is: the fields are dropped in this order.
    ended: Ended,
    berth: Berth,
    /// Keeps the image's tree on disk.
    lock: OwnedFd,
}

/// Kills the first process when it is dropped, and waits until it is gone. After a call its supervision has done that.
#[derive(Debug, Default)]
struct Ended(Option<OwnedFd>);

/// A sandbox whose program starts.
#[derive(Debug)]
pub(crate) struct Released {
    spec: Spec,
    running: Running,
    ends: [OwnedFd; 3],
    ended: Ended,
    berth: Berth,
}

impl Held {
    /// Makes one, and stays until it waits. Whoever launches in the ordinary way learns what is wrong.
    pub(super) fn prepare(cloner: &Cloner, order: &Order, closing: &AtomicBool) -> Result<Self, RunError> {
        let channel = |error: io::Error| RunError::Start(StartError::Channel(error));
        let key = Arc::clone(&order.key);
        clear(&key.live)?;
        let berth = Berth::take(&key.live, &order.room, &key.bounds)?;
        let (report, inner) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
                .map_err(|errno| channel(errno.into()))?;
        let (ends, theirs) = pipes().map_err(channel)?;
        let given = Given {
            streams: Some(theirs),
            report: inner,
            root: order.root.try_clone().map_err(channel)?,
            others: Vec::new(),
            owner: this_process()?,
            cgroup: None,
            joins: Vec::new(),
        };
        let given = given.join(berth.group()).map_err(RunError::Limits)?;
        let shown = key.shape.steps.iter().filter(|step| matches!(step, Step::ShowRoom { .. }));
        let mut running = Running::new(report, shown.count());
        running.remote = true;
        running.note = Some(berth.note()?);
        let lock = order.lock.try_clone().map_err(channel)?;
        cloner.send(&key.shape, &given, &key.live).map_err(channel)?;
        drop(given);
        let made = Instant::now();
        let mut held = Self { key, made, running, ends, ended: Ended::default(), berth, lock };
        held.get_ready(closing).map_err(RunError::Supervision)?;
        Ok(held)
    }

    /// Stays until it has said that it waits, and the launcher process who it is.
    fn get_ready(&mut self, closing: &AtomicBool) -> io::Result<()> {
        let mut waits = false;
        while !waits || self.ended.0.is_none() {
            if self.made.elapsed() > PATIENCE || closing.load(Ordering::Acquire) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            await_readable(&self.running.report, GLANCE)?;
            match read_report(&self.running.report)? {
                Report::Ready => waits = true,
                Report::Started { pid, pidfd } => {
                    self.running.note.take().map_or(Ok(()), |note| note.started(pid))?;
                    self.ended.0 = Some(pidfd.try_clone()?);
                    self.running.process = Some((pid, pidfd));
                }
                report @ (Report::Room(_) | Report::Door(_) | Report::Names(_) | Report::Socket(_)) => {
                    self.running.heard.push(report);
                }
                Report::Nothing => {}
                Report::Failed { .. }
                | Report::Refused(_)
                | Report::Exited(_)
                | Report::Closed
                | Report::Terminal(_)
                | Report::Listener(_) => return Err(io::ErrorKind::Other.into()),
            }
        }
        Ok(())
    }

    /// Its process, or its launcher's: it says nothing while it waits, and an end is the first news.
    pub(super) fn is_dead(&self) -> bool {
        let process = self.running.process.as_ref();
        process.is_none_or(|(_, pidfd)| peek_exited(pidfd.as_fd()))
            || await_readable(&self.running.report, Duration::ZERO).unwrap_or(true)
    }

    /// How long it has been waiting.
    pub(super) fn age(&self) -> Duration {
        self.made.elapsed()
    }

    /// Whether it is what a call asks for.
    pub(super) fn is_for(&self, key: &Key) -> bool {
        *self.key == *key
    }

    /// Passes the call. Nothing where it is dead.
    pub(super) fn release(self, call: &Call) -> Option<Released> {
        if self.is_dead() {
            return None;
        }
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let sent = send(self.running.report.as_raw_fd(), &call.bytes, flags);
        if sent != Ok(call.bytes.len()) {
            return None;
        }
        let Self { key, running, ends, ended, berth, lock, .. } = self;
        // From here on the caller keeps the tree.
        drop(lock);
        let spec = Spec { argv: call.argv.clone(), ..key.shape.clone() };
        Some(Released { spec, running, ends, ended, berth })
    }
}

impl Released {
    /// Stays until it has ended.
    pub(crate) fn stay(
        self,
        settings: &Settings,
        streams: Streams,
        commands: Option<&Commands>,
        place: &Place<'_>,
    ) -> Result<Finished, RunError> {
        // What is bound last is dropped first: the process before its cgroup.
        let Self { spec, mut running, ends, berth, ended } = self;
        running.plug(ends, streams);
        let finished = stay(running, &spec, settings, commands, (berth.group(), place));
        drop(ended);
        finished
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let Some(pidfd) = &self.0 else { return };
        // Gone already is what we want; what is still there is killed by its cgroup or by the next start.
        let _ = signal_by_pidfd(pidfd.as_raw_fd(), libc::SIGKILL);
        await_readable(pidfd, PATIENCE).ok();
    }
}
