//! The supervisor: a process that starts one sandbox, stays with it to its end, and dies with nothing left.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::control::{Answer, Ask, Order, forget, listen};
use super::error::{FailureKind, LifecycleError};
use super::exec::host_guest;
use super::folder::{Held, Home};
use super::log::{LogStream, LogWriter};
use super::record::{Finish, Record, State};
use crate::io::{Input, Output, Remote, Streams, remote};
use crate::native::{
    Finished, Group, Observer, Place, Process, RootFolder, RunError, Target, is_ours, receive, room, run,
    send,
};
use crate::trail::{Event, RunEnd, Trail};

/// How many may speak to one supervisor at the same time.
const MOST_GUESTS: usize = 128;
/// How long those who joined may take to be told of the end.
const FAREWELL: Duration = Duration::from_secs(5);

/// What the threads of a supervisor know together.
pub(super) struct Post {
    pub(super) order: Order,
    remote: Remote,
    control: UnixStream,
    /// The first process, once it is there, and whether its program runs.
    first: Mutex<Option<(i32, OwnedFd, Option<Group>)>>,
    executed: AtomicBool,
    joined: Mutex<BTreeSet<i32>>,
    spent: AtomicU64,
    guests: Mutex<Guests>,
    change: Condvar,
}

#[derive(Default)]
struct Guests {
    count: usize,
    ended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for Post {
    fn started(&self, pid: i32, process: BorrowedFd<'_>, group: Option<&Group>) {
        // Without a descriptor nobody can join, and everything else goes on.
        *lock(&self.first) = process.try_clone_to_owned().ok().map(|process| (pid, process, group.cloned()));
    }

    fn executed(&self) {
        self.executed.store(true, Ordering::SeqCst);
        // A caller that is gone needs no answer.
        answer(&self.control, &Answer::Started).ok();
    }

    fn joined(&self) -> Vec<i32> {
        lock(&self.joined).iter().copied().collect()
    }

    fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }
}

impl Post {
    /// Where a program can join, while the sandbox runs.
    pub(super) fn target(&self) -> Option<Target> {
        if !self.executed.load(Ordering::SeqCst) || lock(&self.guests).ended {
            return None;
        }
        let first = lock(&self.first);
        let (pid, process, group) = first.as_ref()?;
        Some(Target { pid: *pid, process: process.try_clone().ok()?, group: group.clone() })
    }

    /// Counts a process that has joined.
    pub(super) fn welcome(&self, pid: i32) {
        lock(&self.joined).insert(pid);
    }

    /// Counts it no more. Called before it is collected: until then the number is its own.
    pub(super) fn farewell(&self, pid: i32) {
        lock(&self.joined).remove(&pid);
    }

    /// Counts the processor time of one that is gone.
    pub(super) fn spend(&self, time: Duration) {
        let ticks = u64::try_from(time.as_millis().div_euclid(10)).unwrap_or(u64::MAX);
        self.spent.fetch_add(ticks, Ordering::Relaxed);
    }

    fn end(&self) {
        let mut guests = lock(&self.guests);
        guests.ended = true;
        self.change.notify_all();
        let busy = |guests: &mut Guests| guests.count > 0;
        drop(self.change.wait_timeout_while(guests, FAREWELL, busy));
    }

    fn stop(&self, signal: i32, grace: Duration) {
        // A sandbox that has ended needs no signal.
        self.remote.signal(signal).ok();
        let guests = lock(&self.guests);
        let ended = self.change.wait_timeout_while(guests, grace, |guests| !guests.ended);
        drop(ended);
        self.remote.kill().ok();
    }

    fn come(&self) -> bool {
        let mut guests = lock(&self.guests);
        let room = guests.count < MOST_GUESTS && !guests.ended;
        guests.count = guests.count.saturating_add(usize::from(room));
        room
    }

    fn go(&self) {
        let mut guests = lock(&self.guests);
        guests.count = guests.count.saturating_sub(1);
        self.change.notify_all();
    }
}

fn answer(control: &UnixStream, answer: &Answer) -> io::Result<()> {
    send(control, &serde_json::to_vec(answer)?, &[])
}

/// What a supervisor process does. Everything comes over the socket; without an order it ends.
pub(crate) fn supervise_detached(control: &UnixStream) -> io::Result<()> {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    let Some((text, descriptors)) = receive(control)? else { return Ok(()) };
    let refuse = |error: &dyn ToString| {
        let failed = Answer::Failed { kind: FailureKind::Other, why: error.to_string(), traced: false };
        answer(control, &failed)
    };
    let order: Order = match serde_json::from_slice(&text) {
        Ok(order) => order,
        Err(error) => return refuse(&error),
    };
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next();
    // The tree is held until the sandbox is gone.
    let (Some(root), Some(lock), Some(_tree)) = (next(), next(), next()) else {
        return refuse(&"the order lacks descriptors");
    };
    let input = next().filter(|_| order.input);
    let folder = RootFolder { path: order.root.clone(), folder: root };
    match attend(order, &folder, lock, input, control) {
        Ok(()) => Ok(()),
        Err(error) => refuse(&error),
    }
}

/// From the order to the record of the end. An error comes before anything was started.
fn attend(
    order: Order,
    root: &RootFolder,
    file: OwnedFd,
    input: Option<OwnedFd>,
    control: &UnixStream,
) -> Result<(), LifecycleError> {
    let channel = |source| LifecycleError::Supervisor { what: "make a channel of", source };
    let home = Home::open(&order.runtime)?;
    let held = Held::of(file.into(), home.folder(&order.id), order.id.clone());
    let (mut record, _) = home.look(&order.id)?;
    let before = record.clone();
    let (remote, commands) = remote().map_err(channel)?;
    let listener = listen(&held.folder).map_err(channel)?;
    let writer = LogWriter::open(&held.folder).map_err(channel)?;
    let (out, to_out) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| channel(errno.into()))?;
    let (err, to_err) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| channel(errno.into()))?;
    let own = Process::of(std::process::id());
    let own = own.ok_or_else(|| channel(io::ErrorKind::NotFound.into()))?;
    let started = Timestamp::now();
    record.plan = order.plan.clone();
    record.state = State::Running { supervisor: own, started, shape: order.shape.clone() };
    held.write(&record)?;
    let post = Arc::new(Post {
        order,
        remote,
        control: control.try_clone().map_err(channel)?,
        first: Mutex::new(None),
        executed: AtomicBool::new(false),
        joined: Mutex::new(BTreeSet::new()),
        spent: AtomicU64::new(0),
        guests: Mutex::new(Guests::default()),
        change: Condvar::new(),
    });
    let host = Arc::clone(&post);
    thread::spawn(move || receive_guests(&listener, &host));
    let pipes = [(LogStream::Stdout, out), (LogStream::Stderr, err)];
    let logs = thread::spawn(move || writer.copy(pipes, Timestamp::now));
    let streams = Streams {
        stdin: input.map_or(Input::Null, Input::Descriptor),
        stdout: Output::Descriptor(to_out),
        stderr: Output::Descriptor(to_err),
    };
    let place = Place {
        room: room(),
        live: &post.order.runtime,
        window: post.order.window,
        launcher: None,
        observer: Some(&*post),
    };
    let answer = run(&post.order.settings, root, streams, Some(&commands), &place);
    post.end();
    let logged = logs.join().unwrap_or_else(|_| Err(io::Error::other("the log's thread failed")));
    conclude(&post, &held, (before, record, started), answer, logged)
}

/// Writes down how it ended: in the trail, in the record, and to the caller when the program never ran.
fn conclude(
    post: &Post,
    held: &Held,
    (before, mut record, started): (Record, Record, Timestamp),
    ran: Result<Finished, RunError>,
    logged: io::Result<()>,
) -> Result<(), LifecycleError> {
    let mut failures = Vec::new();
    let traced = trace(post, &ran);
    if let Err(error) = &traced {
        failures.push(error.to_string());
    }
    if let Err(error) = logged {
        failures.push(format!("the logs are not complete: {error}"));
    }
    forget(&held.folder);
    if let (Err(error), false) = (&ran, post.executed.load(Ordering::SeqCst)) {
        held.write(&before)?;
        // First the lock, then the answer: the caller may try again at once.
        if let Some(file) = held.file() {
            super::folder::unlock(file);
        }
        let failed = Answer::Failed { kind: kind(error), why: error.to_string(), traced: traced.is_ok() };
        // A caller that is gone needs no answer.
        answer(&post.control, &failed).ok();
        return Ok(());
    }
    let mut finish = Finish { end: None, limit: None, usage: None, failure: None };
    match ran {
        Ok(finished) => {
            finish.end = Some(finished.end);
            finish.limit = finished.limit;
            finish.usage = Some(finished.usage);
        }
        Err(error) => failures.push(error.to_string()),
    }
    finish.failure = (!failures.is_empty()).then(|| failures.join("; "));
    record.state = State::Ended { started, finished: Timestamp::now(), finish };
    held.write(&record)
}

const fn kind(error: &RunError) -> FailureKind {
    if matches!(error, RunError::ProgramNotFound(_)) {
        FailureKind::ProgramNotFound
    } else if matches!(error, RunError::ProgramNotExecutable { .. }) {
        FailureKind::ProgramNotExecutable
    } else {
        FailureKind::Other
    }
}

fn trace(post: &Post, ran: &Result<Finished, RunError>) -> Result<(), crate::trail::TrailError> {
    let Some((folder, number)) = &post.order.trail else { return Ok(()) };
    let done = ran.as_ref().ok();
    let end = RunEnd {
        plan: post.order.plan.to_string(),
        started: *number,
        end: done.map(|done| done.end),
        failure: ran.as_ref().err().map(|error| error.kind().to_owned()),
        limit: done.and_then(|done| done.limit),
        usage: done.map(|done| done.usage),
        output: done.map_or(0, |done| done.output),
    };
    Trail::open(folder)?.append(Timestamp::now(), &Event::RunEnd(end)).map(drop)
}

fn receive_guests(listener: &UnixListener, post: &Arc<Post>) {
    for guest in listener.incoming() {
        let Ok(guest) = guest else {
            // No descriptors left, for one: others may go meanwhile.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        if !is_ours(&guest) || !post.come() {
            continue;
        }
        let host = Arc::clone(post);
        let served = thread::Builder::new().spawn(move || {
            serve(&guest, &host);
            host.go();
        });
        if served.is_err() {
            post.go();
        }
    }
}

fn serve(guest: &UnixStream, post: &Post) {
    // One who says nothing does not stay.
    if guest.set_read_timeout(Some(FAREWELL)).is_err() {
        return;
    }
    let Ok(Some((text, descriptors))) = receive(guest) else { return };
    match serde_json::from_slice(&text) {
        Ok(Ask::Stop { signal, grace }) => post.stop(signal, grace),
        Ok(Ask::Join(asked)) => host_guest(guest, post, asked, descriptors),
        // Not one of ours, or of another version.
        Err(_) => {}
    }
}
