//! One sandbox of an engine from its script to its end: the same streams, limits of time and output, signals and clean-up as
//! for one of our own.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;
use std::time::{Duration, Instant};

use perry_sandbox_policy::Publication;

use super::client::Attended;
use super::end::{Conclusion, conclude};
use super::guard::Guard;
use super::place::{Place, REMOVAL, sweep_for_a_while};
use super::script::Script;
use crate::io::{Commands, Streams};
use crate::native::{
    Bounds, Company, Counting, Delivery, Ended, Finished, Hands, Observer, RunError, Running, await_readable,
    is_handled_by, open_pidfd, peek_exited, pipes, report_failure, signal_by_pidfd, supervise,
};
use crate::outcome::{End, Limit, Measured, Usage};
use crate::publish::{PublishError, Publisher};
use crate::secret::Secrets;

/// How long an engine may take to pass a signal on.
const SIGNALLING: Duration = Duration::from_secs(10);
/// How long an engine's client may live on after its sandbox was removed.
const LAST: Duration = Duration::from_secs(5);

/// How long the first process of a sandbox that was started may not be found, and from one look for it to the next.
const FINDING: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(50);
/// How long a runtime may take from a process of its own to the program in it, beside many others.
const MAKING: Duration = Duration::from_secs(10);

/// What a run needs beside its script.
pub(crate) struct Around<'a> {
    /// The folder of live sandboxes.
    pub(crate) runtime: &'a Path,
    /// Values of the script's secrets.
    pub(crate) secrets: Option<&'a Secrets>,
    /// Who is told how it goes on.
    pub(crate) observer: Option<&'a dyn Observer>,
    /// Ports that are reached from the host.
    pub(crate) publish: &'a [Publication],
    /// Rows and columns of the terminal, where there is one.
    pub(crate) window: (u16, u16),
    /// What has to be done before anything runs.
    pub(crate) before: &'a (dyn Fn() -> io::Result<()> + Sync),
}

impl std::fmt::Debug for Around<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Around").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}

/// The folder goes before the guard does: one that finds it takes its runner for dead.
struct Berth {
    place: Place,
    guard: Guard,
}

/// Runs a sandbox to its end; `bring` gives the engine its image.
pub(crate) fn run(
    script: &Script,
    bounds: &Bounds,
    streams: Streams,
    commands: Option<&Commands>,
    around: &Around<'_>,
    bring: &dyn Fn() -> Result<(), RunError>,
) -> Result<Finished, RunError> {
    // What cannot be reached is not started.
    let publisher = Publisher::bind(around.publish)?;
    publisher.as_ref().map_or(Ok(()), |publisher| publisher.tell(around.observer))?;
    sweep_for_a_while(around.runtime);
    let place = Place::make(script, around.runtime, around.secrets).map_err(RunError::Live)?;
    let guard = Guard::start(&script.folder).map_err(RunError::Guard)?;
    let mut berth = Berth { place, guard };
    (around.before)().map_err(RunError::Supervision)?;
    bring()?;
    berth.guard.ready().map_err(RunError::Guard)?;
    for required in script.required.iter().filter(|it| script.create.is_none() || it.comes_first()) {
        required.check(REMOVAL)?;
    }
    if let Some(names) = &script.names {
        names.tell(script)?;
    }
    berth.place.used();
    if let Some(create) = &script.create {
        create.take(REMOVAL)?;
    }
    if script.create.is_some() {
        // It may have made a volume that had gone; those that a container has stay from here on.
        for required in &script.required {
            required.check(REMOVAL)?;
        }
    }
    for connect in &script.connect {
        connect.take(REMOVAL)?;
    }
    if let Some(confirm) = &script.confirm {
        confirm.check(REMOVAL)?;
    }
    let Begun { running, process, silence, control } = start(script, streams, around.window)?;
    if let (Some(observer), Some((pid, pidfd))) = (around.observer, &running.process) {
        observer.started(*pid, pidfd.as_fd(), None);
    }
    let broken = OnceLock::new();
    let ended = std::thread::scope(|scope| {
        let hands = Reach { script, scope, process: process.as_fd(), killed: AtomicBool::new(false) };
        let process = process.as_fd();
        let (publisher, broken) = (publisher.as_ref(), &broken);
        // The end of the report says that the program runs.
        scope.spawn(move || {
            match begin(script, process, control.as_ref(), publisher) {
                Ok(true) => {}
                Ok(false) => report_failure(&silence),
                Err(error) => {
                    drop(broken.set(error));
                    report_failure(&silence);
                    // What fails here is tried again, and told, when the run is over.
                    drop(script.end.as_ref().unwrap_or(&script.remove).take(REMOVAL));
                }
            }
            drop(silence);
            // What fails here is told by the next of the project that starts or ends.
            script.names.iter().for_each(|names| drop(names.tell(script)));
        });
        let company =
            Company { observer: around.observer, hands: Some(&hands), ..Company::of(Counting::Others) };
        supervise(running, bounds, commands, company)
    });
    let ended = ended.map_err(RunError::Supervision)?;
    if let Some(error) = broken.into_inner() {
        return Err(error);
    }
    let finished = finish(script, ended)?;
    if script.is_removed_by_itself() && !finished.was_killed {
        berth.place.is_gone();
    }
    berth.place.clear()?;
    script.names.iter().for_each(|names| drop(names.tell(script)));
    Ok(finished.outcome)
}

/// What is there once the client has been started.
struct Begun {
    running: Running,
    /// The client.
    process: OwnedFd,
    /// The other end of the report.
    silence: UnixStream,
    /// Where a client of ours says whether the sandbox has started.
    control: Option<UnixStream>,
}

/// Starts the client with pipes of ours, or with a terminal that it takes for its user's.
fn start(script: &Script, streams: Streams, window: (u16, u16)) -> Result<Begun, RunError> {
    let failed = |source| script.run.failed(source);
    let (report, silence) = UnixStream::pair().map_err(failed)?;
    let mut running = Running::new(report.into(), 0);
    let theirs = if script.terminal {
        running.plug_terminal(streams, window)
    } else {
        pipes().map(|(ours, theirs)| {
            running.plug(ours, streams);
            theirs
        })
    };
    let Attended { child, control } = script.run.start(theirs.map_err(failed)?)?;
    // It is collected by its descriptor.
    let pidfd = open_pidfd(child.id()).map_err(|errno| failed(errno.into()))?;
    let process = pidfd.try_clone().map_err(failed)?;
    running.process = i32::try_from(child.id()).ok().map(|pid| (pid, pidfd));
    Ok(Begun { running, process, silence, control })
}

/// Waits until the program has been started, and has it reached; whether it has been started.
fn begin(
    script: &Script,
    process: BorrowedFd<'_>,
    control: Option<&UnixStream>,
    publisher: Option<&Publisher>,
) -> Result<bool, RunError> {
    let has_started = match control {
        Some(control) => script.run.hear(control)?,
        None => await_start(script, process),
    };
    if let (true, Some(publisher)) = (has_started, publisher) {
        publish(script, process, publisher)?;
    }
    Ok(has_started)
}

/// Waits until a program of the host has started it, or will not any more; whether it has, as far as that can be known.
fn await_start(script: &Script, process: BorrowedFd<'_>) -> bool {
    let mut pause = Duration::from_millis(2);
    while !script.has_started() {
        if peek_exited(process) {
            return script.has_started() || !script.keeps_start();
        }
        std::thread::sleep(pause);
        pause = pause.saturating_mul(2).min(Duration::from_millis(50));
    }
    let begun = Instant::now();
    while script.is_being_made() && !peek_exited(process) && begun.elapsed() < MAKING {
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// Has sockets made beside the program, unless it has ended already.
fn publish(script: &Script, client: BorrowedFd<'_>, publisher: &Publisher) -> Result<(), PublishError> {
    let begun = Instant::now();
    loop {
        let process = script.first_process().map_err(PublishError::Process);
        let answer = process.and_then(|process| publisher.enter(process.as_fd()));
        let has_ended = || await_readable(client, AGAIN).unwrap_or(false) || peek_exited(client);
        if answer.is_ok() || has_ended() {
            return Ok(());
        }
        if begun.elapsed() > FINDING {
            return answer;
        }
    }
}

/// Reaches the sandbox through its engine, without keeping the supervision waiting.
struct Reach<'scope, 'env> {
    script: &'env Script,
    scope: &'scope Scope<'scope, 'env>,
    process: BorrowedFd<'env>,
    killed: AtomicBool,
}

impl Hands for Reach<'_, '_> {
    fn signal(&self, number: i32) -> Delivery {
        // The kernel shields process 1 of a namespace from what it does not catch; outside, that would end it.
        let acts = match (self.script.program(), &self.script.caught) {
            (Some(pid), _) => is_handled_by(pid, number),
            (None, Some(caught)) => caught.has(number),
            (None, None) => true,
        };
        if !acts {
            self.kill();
            return Delivery::EndedInstead;
        }
        let action = self.script.signal.with_signal(number);
        // One that has ended meanwhile needs no signal.
        self.scope.spawn(move || drop(action.take(SIGNALLING)));
        Delivery::Sent
    }

    fn kill(&self) {
        if self.killed.swap(true, Ordering::Relaxed) {
            return;
        }
        let (script, process) = (self.script, self.process);
        self.scope.spawn(move || {
            // What fails here is tried again, and told, when the run is over.
            drop(script.end.as_ref().unwrap_or(&script.remove).take(REMOVAL));
            let _ended = await_readable(process, LAST);
            if !peek_exited(process) {
                let _ = signal_by_pidfd(process.as_raw_fd(), libc::SIGKILL);
            }
        });
    }

    fn has_ended(&self) -> bool {
        self.script.has_ended()
    }
}

struct Done {
    outcome: Finished,
    was_killed: bool,
}

/// What the client's end says about the program's.
fn finish(script: &Script, ended: Ended) -> Result<Done, RunError> {
    if let Some((stream, source)) = ended.unwritable {
        return Err(RunError::Output { stream, source });
    }
    let Some(exit) = ended.exit else {
        return Err(RunError::Supervision(io::ErrorKind::UnexpectedEof.into()));
    };
    let was_killed = ended.limit.is_some() || ended.as_if.is_some() || exit.signal.is_some();
    let (end, limit) = match (ended.limit, ended.as_if) {
        (Some(limit), _) => (End::Killed(libc::SIGKILL), Some(limit)),
        (None, Some(signal)) => (End::Killed(signal), None),
        (None, None) => match conclude(script, &exit, &ended.stderr)? {
            Conclusion::Ended(end) => (end, None),
            Conclusion::OutOfMemory => (End::Killed(libc::SIGKILL), Some(Limit::Memory)),
        },
    };
    let usage = Usage {
        wall: ended.wall,
        user: Duration::ZERO,
        system: Duration::ZERO,
        peak_memory: 0,
        peak_measured: Measured::Unknown,
    };
    let (stdout, stderr, output) = (ended.stdout, ended.stderr, ended.output);
    Ok(Done { outcome: Finished { end, limit, stdout, stderr, usage, output, egress: None }, was_killed })
}
