//! The caller's side of a detached run that runs: asking it, ending it, waiting for it, reading what it wrote.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use super::control::{Answered, Ask, Pause, connect, descriptor_of, gone_within};
use super::copy::SandboxFiles;
use super::error::LifecycleError;
use super::folder::failed;
use super::id::SandboxId;
use super::log::Logs;
use super::record::{Record, SandboxInfo, SandboxStatus, State};
use super::sandboxes::{SETTLING, Sandboxes};
use super::tree::Load;
use crate::native::{Process, reap, receive, send, signal_by_pidfd};

/// How to end a sandbox.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The signal that asks; nothing: the sandbox's own stop signal.
    pub signal: Option<i32>,
    /// How long it may take until it is killed.
    pub grace: Duration,
}

impl Default for Stop {
    fn default() -> Self {
        Self { signal: None, grace: Duration::from_secs(10) }
    }
}

impl Sandboxes {
    /// Ends a sandbox: asks by signal, and kills when it has not ended in time. Answers when it is gone; a signal that
    /// the program does not catch ends it, as outside.
    ///
    /// # Errors
    /// [`LifecycleError::NotRunning`], [`LifecycleError::NotFound`].
    pub fn stop(&self, id: &SandboxId, stop: &Stop) -> Result<SandboxInfo, LifecycleError> {
        let (record, held) = self.home.look(id)?;
        let signal = stop.signal.unwrap_or(record.stop_signal);
        let Some(process) = runs(&record, held) else {
            return Err(LifecycleError::NotRunning { id: id.clone(), status: record.info(held).status });
        };
        let ask = serde_json::to_vec(&Ask::Stop { signal, grace: stop.grace });
        let asked = ask.map_err(io::Error::from).and_then(|ask| {
            let control = connect(&self.home.folder(id))?;
            send(&control, &ask, &[])?;
            Ok(control)
        });
        // A supervisor that does not listen is at its end, or is killed below. The connection stays open meanwhile.
        let patience = if asked.is_ok() { stop.grace.saturating_add(SETTLING) } else { SETTLING };
        let wait = |patience| gone_within(process, Some(patience)).map_err(supervisor("wait for"));
        if !wait(patience)? {
            if let Some(pidfd) = descriptor_of(process).map_err(supervisor("end"))? {
                // Gone already is what we want; the sandbox dies with it.
                let _ = signal_by_pidfd(pidfd.as_raw_fd(), libc::SIGKILL);
            }
            wait(SETTLING)?;
            reap(&self.runtime).map_err(failed("reap what is left in", &self.runtime))?;
        }
        self.inspect(id)
    }

    /// Sends a signal to a sandbox's program, and answers when it is sent. One that the program does not catch ends it, as
    /// outside.
    ///
    /// # Errors
    /// [`LifecycleError::NotRunning`], [`LifecycleError::NotFound`]; the supervisor does not listen.
    pub fn signal(&self, id: &SandboxId, signal: i32) -> Result<(), LifecycleError> {
        let (record, held) = self.home.look(id)?;
        if runs(&record, held).is_none() {
            return Err(LifecycleError::NotRunning { id: id.clone(), status: record.info(held).status });
        }
        let folder = self.home.folder(id);
        let sent = serde_json::to_vec(&Ask::Signal { signal }).map_err(io::Error::from).and_then(|ask| {
            let control = connect(&folder)?;
            control.set_read_timeout(Some(SETTLING))?;
            send(&control, &ask, &[])?;
            // It hangs up when it has done so.
            receive(&control).map(drop)
        });
        sent.map_err(failed("reach the supervisor in", &folder))
    }

    /// Stops all processes of a sandbox until they are let go on. Its time goes on, and it answers no check meanwhile.
    ///
    /// # Errors
    /// [`LifecycleError::NotRunning`], [`LifecycleError::NotFound`]; [`LifecycleError::NotReached`] where it is paused already,
    /// or its processes are none of this kernel's.
    pub fn pause(&self, id: &SandboxId) -> Result<(), LifecycleError> {
        self.ask(id, &Ask::Pause(Pause::Begin), "paused").map(drop)
    }

    /// Lets all processes of a sandbox go on.
    ///
    /// # Errors
    /// As [`Sandboxes::pause`].
    pub fn unpause(&self, id: &SandboxId) -> Result<(), LifecycleError> {
        self.ask(id, &Ask::Pause(Pause::End), "let go on").map(drop)
    }

    /// What a running sandbox uses now.
    ///
    /// # Errors
    /// As [`Sandboxes::pause`].
    pub fn load(&self, id: &SandboxId) -> Result<Load, LifecycleError> {
        let Answered::Load(load) = self.ask(id, &Ask::Measure, "measured")?.0 else {
            return Err(of_another_version(id, "measured"));
        };
        Ok(load)
    }

    /// The processes of a running sandbox, by their numbers on this host. Each may have ended since.
    ///
    /// # Errors
    /// As [`Sandboxes::pause`].
    pub fn processes(&self, id: &SandboxId) -> Result<Vec<u32>, LifecycleError> {
        let Answered::Processes(processes) = self.ask(id, &Ask::List, "listed")?.0 else {
            return Err(of_another_version(id, "listed"));
        };
        Ok(processes)
    }

    /// The files that a running sandbox sees.
    ///
    /// # Errors
    /// As [`Sandboxes::pause`].
    pub fn files(&self, id: &SandboxId) -> Result<SandboxFiles, LifecycleError> {
        let (_, mut descriptors) = self.ask(id, &Ask::Root, "reached")?;
        let root = descriptors.pop().ok_or_else(|| of_another_version(id, "reached"))?;
        Ok(SandboxFiles::below(root))
    }

    fn ask(
        &self,
        id: &SandboxId,
        ask: &Ask,
        what: &'static str,
    ) -> Result<(Answered, Vec<OwnedFd>), LifecycleError> {
        let (record, held) = self.home.look(id)?;
        if runs(&record, held).is_none() {
            return Err(LifecycleError::NotRunning { id: id.clone(), status: record.info(held).status });
        }
        let folder = self.home.folder(id);
        let answer = serde_json::to_vec(ask).map_err(io::Error::from).and_then(|ask| {
            let control = connect(&folder)?;
            control.set_read_timeout(Some(SETTLING))?;
            send(&control, &ask, &[])?;
            receive(&control)
        });
        let refused = |why: String| LifecycleError::NotReached { id: id.clone(), what, why };
        let answer = answer.map_err(failed("reach the supervisor in", &folder))?;
        let (answer, descriptors) =
            answer.ok_or_else(|| refused("its supervisor does not answer".to_owned()))?;
        match serde_json::from_slice(&answer) {
            Ok(Answered::Refused(why)) => Err(refused(why)),
            Ok(answered) => Ok((answered, descriptors)),
            Err(error) => Err(refused(format!("its supervisor's answer cannot be used: {error}"))),
        }
    }

    /// Waits until a sandbox has ended, at most so long, and says how.
    ///
    /// # Errors
    /// [`LifecycleError::StillRunning`] when the time is over, [`LifecycleError::NotRunning`] for one that was never
    /// started, [`LifecycleError::NotFound`].
    pub fn wait(&self, id: &SandboxId, patience: Option<Duration>) -> Result<SandboxInfo, LifecycleError> {
        let begun = Instant::now();
        loop {
            let (record, held) = self.home.look(id)?;
            let left = patience.map(|patience| patience.saturating_sub(begun.elapsed()));
            let over = left == Some(Duration::ZERO);
            match (runs(&record, held), &record.state) {
                (Some(_), _) if over => return Err(LifecycleError::StillRunning(id.clone())),
                (Some(process), _) => {
                    gone_within(process, left).map_err(supervisor("wait for"))?;
                }
                // Somebody is starting it right now, or has just stopped.
                (None, State::Created {}) if held && !over => std::thread::sleep(Duration::from_millis(5)),
                (None, State::Created {}) => {
                    return Err(LifecycleError::NotRunning {
                        id: id.clone(),
                        status: SandboxStatus::Created,
                    });
                }
                (None, _) => return Ok(record.info(held)),
            }
        }
    }

    /// What a sandbox has written: all that is kept, or the last `tail` lines of both streams together. With `follow` it
    /// goes on until the sandbox has ended.
    ///
    /// # Errors
    /// [`LifecycleError::NotFound`], [`LifecycleError::Io`].
    pub fn logs(&self, id: &SandboxId, tail: Option<usize>, follow: bool) -> Result<Logs, LifecycleError> {
        let folder = self.home.folder(id);
        self.home.look(id)?;
        let (home, id) = (self.home.clone(), id.clone());
        let alive = move || home.look(&id).is_ok_and(|(record, held)| runs(&record, held).is_some());
        let alive: Option<Box<dyn Fn() -> bool + Send>> = if follow { Some(Box::new(alive)) } else { None };
        Logs::open(&folder, tail, alive).map_err(failed("read the logs in", &folder))
    }
}

/// The supervisor of a sandbox that runs.
pub(super) fn runs(record: &Record, held: bool) -> Option<Process> {
    match (&record.state, held) {
        (State::Running { supervisor, .. }, true) => Some(*supervisor),
        _ => None,
    }
}

pub(super) fn supervisor(what: &'static str) -> impl FnOnce(io::Error) -> LifecycleError {
    move |source| LifecycleError::Supervisor { what, source }
}

fn of_another_version(id: &SandboxId, what: &'static str) -> LifecycleError {
    let why = "its supervisor is of another version".to_owned();
    LifecycleError::NotReached { id: id.clone(), what, why }
}
