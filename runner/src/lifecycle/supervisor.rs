//! The supervisor: a process that starts one sandbox, stays with it to its last end, and dies with nothing left.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::control::{Answer, Answered, Ask, Order, forget, listen};
use super::error::{FailureKind, LifecycleError};
use super::exec::host_guest;
use super::folder::{Held, Home, unlock};
use super::health::{self, Health};
use super::log::{LogStream, LogWriter};
use super::post::{FAREWELL, Post, answer};
use super::record::{Finish, Record, State};
use super::restart::BackOff;
use crate::backends::Around;
use crate::io::{Commands, Input, Output, Streams, remote};
use crate::native::{
    Finished, Observer, Place, Process, RootFolder, RunError, is_ours, receive, room, run, send,
};
use crate::project::enter;
use crate::secret::Secrets;
use crate::trail::{EgressCount, Event, RunAgain, RunEnd, Trail, TrailError};

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
    // First of all: who has several threads stays where it is.
    if order.engine.is_none()
        && let Err(error) = enter(&order.runtime, &order.settings.networks, order.settings.beside.as_ref())
    {
        return refuse(&error);
    }
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next();
    // The tree is held until the sandbox is gone.
    let (Some(root), Some(lock), Some(_tree)) = (next(), next(), next()) else {
        return refuse(&"the order lacks descriptors");
    };
    let names = order.settings.secrets.iter();
    let secrets = Secrets::received(names.filter_map(|name| Some((name.clone(), next()?))));
    let input = next().filter(|_| order.input);
    let folder = RootFolder { path: order.root.clone(), folder: root };
    match attend(order, &folder, lock, (input, secrets), control) {
        Ok(()) => Ok(()),
        Err(error) => refuse(&error),
    }
}

fn channel(source: io::Error) -> LifecycleError {
    LifecycleError::Supervisor { what: "make a channel of", source }
}

/// From the order to the record of the end. An error comes before anything was started.
fn attend(
    order: Order,
    root: &RootFolder,
    file: OwnedFd,
    (input, secrets): (Option<OwnedFd>, Secrets),
    control: &UnixStream,
) -> Result<(), LifecycleError> {
    let home = Home::open(&order.runtime)?;
    let held = Held::of(file.into(), home.folder(&order.id), order.id.clone());
    let (mut record, _) = home.look(&order.id)?;
    let before = record.clone();
    let (remote, commands) = remote().map_err(channel)?;
    let listener = listen(&held.folder).map_err(channel)?;
    let writer = LogWriter::open(&held.folder, order.log).map_err(channel)?;
    let (out, to_out) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| channel(errno.into()))?;
    let (err, to_err) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| channel(errno.into()))?;
    let own = Process::of(std::process::id());
    let own = own.ok_or_else(|| channel(io::ErrorKind::NotFound.into()))?;
    let started = Timestamp::now();
    record.plan = order.plan.clone();
    let health = order.health.is_some().then_some(Health::Starting);
    record.state = State::Running {
        supervisor: own,
        started,
        shape: order.shape.clone(),
        restarts: 0,
        health,
        bad_answer: None,
        published: Vec::new(),
        paused: false,
    };
    held.write(&record)?;
    let control = control.try_clone().map_err(channel)?;
    let post = Arc::new(Post::new(order, (held, record), remote, control));
    let pipes = [(LogStream::Stdout, out), (LogStream::Stderr, err)];
    let logs = match attendants(&post, listener, (writer, pipes)) {
        Ok(logs) => logs,
        Err(error) => {
            // Nothing was started, and so it is as it was.
            post.close(|record| *record = before)?;
            return Err(channel(error));
        }
    };
    let (answer, untraced) = run_all(&post, root, (input, [to_out, to_err]), (&commands, &secrets));
    post.end();
    let logged = logs.join().unwrap_or_else(|_| Err(io::Error::other("the log's thread failed")));
    let concluded = conclude(&post, (before, started), answer, (untraced, logged));
    if let Some(file) = post.held.file() {
        unlock(file);
    }
    concluded
}

/// Who stays beside the program: for guests, for its health, and for what it says, which is the thread that is waited for.
fn attendants(
    post: &Arc<Post>,
    listener: UnixListener,
    (writer, pipes): (LogWriter, [(LogStream, OwnedFd); 2]),
) -> io::Result<JoinHandle<io::Result<()>>> {
    let logs = thread::Builder::new().spawn(move || writer.copy(pipes, Timestamp::now))?;
    let host = Arc::clone(post);
    thread::Builder::new().spawn(move || receive_guests(&listener, &host))?;
    if post.order.health.is_some() {
        let doctor = Arc::clone(post);
        let watch = move || doctor.order.health.iter().for_each(|order| health::watch(&doctor, order));
        thread::Builder::new().spawn(watch)?;
    }
    Ok(logs)
}

/// Runs it, and again as its order says. The last run is the answer, with what kept it from being run again.
fn run_all(
    post: &Post,
    root: &RootFolder,
    (mut input, outputs): (Option<OwnedFd>, [OwnedFd; 2]),
    (commands, secrets): (&Commands, &Secrets),
) -> (Result<Finished, RunError>, Option<LifecycleError>) {
    let begun = Instant::now();
    let wall = post.order.settings.limits.wall;
    let mut settings = post.order.settings.clone();
    let mut back_off = BackOff::new();
    let place = Place {
        room: room(),
        live: &post.order.runtime,
        window: post.order.window,
        launcher: None,
        warmth: None,
        secrets: Some(secrets),
        observer: Some(post),
        recorder: None,
        publisher: None,
        before: None,
    };
    loop {
        let this = Instant::now();
        let finished = match streams(input.take(), &outputs) {
            Ok(streams) => match &post.order.engine {
                None => run(&settings, root, streams, Some(commands), &place),
                Some(work) => {
                    // The caller has given the engine the image, and has written the first line.
                    let (runtime, secrets) = (post.order.runtime.as_path(), Some(secrets));
                    let (window, publish) = (post.order.window, settings.publish.as_slice());
                    let (observer, before): (Option<&dyn Observer>, _) = (Some(post), &|| Ok(()));
                    let around = Around { runtime, secrets, observer, publish, window, before };
                    work.run((&settings.limits, root), streams, Some(commands), &around, &|| Ok(()))
                }
            },
            Err(source) => Err(RunError::Supervision(source)),
        };
        let paused = post.pause();
        let pause = back_off.after(this.elapsed());
        let Ok(end) = &finished else { return (finished, None) };
        let left = wall.saturating_sub(begun.elapsed()).saturating_sub(pause);
        if !post.order.restart.wants(end, post.restarts()) || left.is_zero() {
            return (finished, None);
        }
        let goes_on = paused.and_then(|()| {
            let stops = post.stops_within(pause);
            if stops { Ok(false) } else { note_restart(post, end).map(|()| true) }
        });
        match goes_on {
            Ok(true) => settings.limits.wall = left,
            Ok(false) => return (finished, None),
            Err(error) => return (finished, Some(error)),
        }
    }
}

/// The program's streams. What it reads is given to its first run; the others read nothing.
fn streams(input: Option<OwnedFd>, [out, err]: &[OwnedFd; 2]) -> io::Result<Streams> {
    Ok(Streams {
        stdin: input.map_or(Input::Null, Input::Descriptor),
        stdout: Output::Descriptor(out.try_clone()?),
        stderr: Output::Descriptor(err.try_clone()?),
    })
}

/// Writes down that one run is over and another begins. Without that it does not begin.
fn note_restart(post: &Post, end: &Finished) -> Result<(), LifecycleError> {
    let mut line = 0;
    if let Some((folder, _)) = &post.order.trail {
        let trail = |error| LifecycleError::Launch(crate::launch::LaunchError::Trail(error));
        let open = Trail::open(folder).map_err(trail)?;
        open.append(Timestamp::now(), &Event::RunEnd(run_end(post, Ok(end)))).map_err(trail)?;
        let again = RunAgain {
            plan: post.order.plan.to_string(),
            started: post.line(),
            restarts: post.restarts().saturating_add(1),
        };
        line = open.append(Timestamp::now(), &Event::RunAgain(again)).map_err(trail)?.sequence;
    }
    post.resume(line)
}

/// Writes down how it ended: in the trail, in the record, and to the caller when the program never ran.
fn conclude(
    post: &Post,
    (before, started): (Record, Timestamp),
    ran: Result<Finished, RunError>,
    (untraced, logged): (Option<LifecycleError>, io::Result<()>),
) -> Result<(), LifecycleError> {
    let mut failures = Vec::new();
    failures.extend(untraced.map(|error| format!("it was not run again: {error}")));
    let traced = trace(post, &ran);
    if let Err(error) = &traced {
        failures.push(error.to_string());
    }
    if let Err(error) = logged {
        failures.push(format!("the logs are not complete: {error}"));
    }
    forget(&post.held.folder);
    if let (Err(error), false) = (&ran, post.has_begun()) {
        post.close(|record| *record = before)?;
        // First the lock, then the answer: the caller may try again at once.
        if let Some(file) = post.held.file() {
            unlock(file);
        }
        post.tell(&Answer::Failed { kind: kind(error), why: error.to_string(), traced: traced.is_ok() });
        return Ok(());
    }
    let mut finish = Finish { end: None, limit: None, usage: None, egress: None, failure: None };
    match ran {
        Ok(finished) => {
            finish.end = Some(finished.end);
            finish.limit = finished.limit;
            finish.usage = Some(finished.usage);
            finish.egress = finished.egress;
        }
        Err(error) => failures.push(error.to_string()),
    }
    finish.failure = (!failures.is_empty()).then(|| failures.join("; "));
    let restarts = post.restarts();
    post.close(|record| {
        record.state = State::Ended { started, finished: Timestamp::now(), finish, restarts };
    })?;
    if !post.has_begun() {
        // It was ended before it began, and its record says how: whoever has asked for it waits no longer.
        post.tell(&Answer::Started);
    }
    Ok(())
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

fn trace(post: &Post, ran: &Result<Finished, RunError>) -> Result<(), TrailError> {
    let Some((folder, _)) = &post.order.trail else { return Ok(()) };
    let end = run_end(post, ran.as_ref());
    Trail::open(folder)?.append(Timestamp::now(), &Event::RunEnd(end)).map(drop)
}

fn run_end(post: &Post, ran: Result<&Finished, &RunError>) -> RunEnd {
    let done = ran.ok();
    RunEnd {
        plan: post.order.plan.to_string(),
        started: post.line(),
        end: done.map(|done| done.end),
        failure: ran.err().map(|error| error.kind().to_owned()),
        limit: done.and_then(|done| done.limit),
        usage: done.map(|done| done.usage),
        output: done.map_or(0, |done| done.output),
        egress: done.and_then(|done| done.egress.as_ref()).map(EgressCount::from),
    }
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
        Ok(Ask::Signal { signal }) => post.signal(signal),
        Ok(Ask::Pause(pause)) => reply(guest, post.turn(pause).map(|()| Answered::Done)),
        Ok(Ask::Root) => hand_over(guest, post.root()),
        Ok(Ask::Measure) => reply(guest, post.measure().map(Answered::Load)),
        Ok(Ask::List) => reply(guest, post.processes().map(Answered::Processes)),
        Ok(Ask::Join(asked)) => host_guest(guest, post, (asked, false), descriptors),
        Ok(Ask::JoinOnTerminal(asked)) => host_guest(guest, post, (asked, true), descriptors),
        // Not one of ours, or of another version.
        Err(_) => {}
    }
}

/// A guest that is gone needs no answer.
fn reply(guest: &UnixStream, answer: Result<Answered, String>) {
    let answer = answer.unwrap_or_else(Answered::Refused);
    serde_json::to_vec(&answer).map_err(io::Error::from).and_then(|bytes| send(guest, &bytes, &[])).ok();
}

fn hand_over(guest: &UnixStream, root: Result<OwnedFd, String>) {
    match root {
        Ok(root) => {
            let answer = serde_json::to_vec(&Answered::Done).map_err(io::Error::from);
            answer.and_then(|bytes| send(guest, &bytes, &[root.as_fd()])).ok();
        }
        Err(why) => reply(guest, Err(why)),
    }
}
