//! Answers every system call of one sandbox as the plan's filter would, and notes it.
//!
//! SECURITY: this is not a wall of its own, and stands in for none: what it answers is what the plan's own filter returns
//! for the very numbers that the kernel gives, by running that filter. A caller has no say in it. When the recorder is
//! gone, calls fail; they never go through.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;
use perry_sandbox_profiles::bpf::{self, Answer, BpfProgram};
use perry_sandbox_profiles::{Arch, Run, SeccompProfile, SyscallAttempt};

use super::plan::words;
use super::spec::RecordingFilter;
use super::sys::{next_notice, reply};
use crate::demands::PlanError;

/// The recorder of one run.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// What the sandbox loads.
    pub(crate) filter: RecordingFilter,
    state: Mutex<State>,
    /// Closed when the run has ended: nobody is left to ask.
    stop: OwnedFd,
}

#[derive(Debug)]
enum State {
    /// Nobody has asked yet.
    Ready(Box<Watcher>),
    /// A thread answers.
    Listening(JoinHandle<io::Result<Run>>),
    /// Nothing more is expected.
    Done,
}

/// What the thread needs.
#[derive(Debug)]
struct Watcher {
    in_force: BpfProgram,
    /// What the filter lets through unseen.
    unseen: Option<SyscallAttempt>,
    run: Run,
    stopped: OwnedFd,
}

impl Recorder {
    /// Makes one for a run under this profile.
    pub(crate) fn new(profile: &SeccompProfile) -> Result<Self, PlanError> {
        let arch = Arch::host().ok_or(PlanError::Arch)?;
        let refused = |error: bpf::CompileError| PlanError::Seccomp(error.to_string());
        let key = key().map_err(|error| PlanError::Seccomp(error.to_string()))?;
        let program = words(&bpf::compile_recording(profile, arch, key).map_err(refused)?);
        let in_force = bpf::compile(profile, arch).map_err(refused)?;
        let (stopped, stop) =
            pipe2(OFlag::O_CLOEXEC).map_err(|errno| PlanError::Seccomp(errno.to_string()))?;
        let unseen = bpf::goes_unasked(profile, arch).and_then(|call| {
            let number = call.number(arch)?;
            Some(SyscallAttempt { number, audit_arch: arch.audit_value(), args: [0; 6] })
        });
        let watcher = Box::new(Watcher { in_force, unseen, run: Run::new(profile, arch), stopped });
        let filter = RecordingFilter { program, key };
        Ok(Self { filter, state: Mutex::new(State::Ready(watcher)), stop })
    }

    /// Begins to answer.
    pub(super) fn listen(&self, listener: OwnedFd) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Ready(watcher) = std::mem::replace(&mut *state, State::Done) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a second listener of one sandbox"));
        };
        let thread = Builder::new().name("recorder".to_owned()).spawn(move || watcher.watch(&listener))?;
        *state = State::Listening(thread);
        Ok(())
    }

    /// What was seen. The sandbox has ended.
    pub(crate) fn finish(self) -> io::Result<Run> {
        drop(self.stop);
        match self.state.into_inner().unwrap_or_else(PoisonError::into_inner) {
            State::Ready(watcher) => Ok(watcher.run),
            State::Listening(thread) => {
                thread.join().unwrap_or_else(|_| Err(io::Error::other("the recorder's thread panicked")))
            }
            State::Done => Err(io::Error::other("the recorder's thread did not start")),
        }
    }
}

/// A number that nobody inside can know.
fn key() -> io::Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

impl Watcher {
    /// Answers until nobody can ask any more. The listener is closed with it, whatever happens.
    fn watch(mut self: Box<Self>, listener: &OwnedFd) -> io::Result<Run> {
        loop {
            let mut entries = [
                PollFd::new(listener.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.stopped.as_fd(), PollFlags::POLLIN),
            ];
            match poll(&mut entries, PollTimeout::NONE) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let [asked, stopped] = entries.map(|entry| entry.revents().unwrap_or(PollFlags::empty()));
            if asked.contains(PollFlags::POLLIN) {
                self.answer(listener)?;
            } else if !asked.is_empty() || !stopped.is_empty() {
                // Any program may get a signal, so it counts as seen.
                if let Some(unseen) = self.unseen.filter(|_| self.run.has_begun()) {
                    self.run.note(&unseen);
                }
                return Ok(self.run);
            }
        }
    }

    fn answer(&mut self, listener: &OwnedFd) -> io::Result<()> {
        let Some(notice) = next_notice(listener.as_fd())? else { return Ok(()) };
        let attempt = SyscallAttempt { number: notice.number, audit_arch: notice.arch, args: notice.args };
        let verdict = bpf::interpret(self.in_force.instructions(), &attempt).map_err(io::Error::other)?;
        let failure = match bpf::answer(verdict) {
            Answer::Continue => None,
            Answer::Fail(errno) => Some(errno),
        };
        self.run.note(&attempt);
        Ok(reply(listener.as_fd(), notice.id, failure)?)
    }
}
