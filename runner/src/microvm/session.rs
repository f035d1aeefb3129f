//! While a machine runs: streams, signals, limits of time and output, and its end.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Deserialize;

use super::channel::{Channel, printable};
use super::frame::{Cause, Ended, MOST, Message, WINDOW};
use super::limit::limit_of;
use super::machine::Accelerator;
use super::monitor::Monitor;
use super::order::VmOrder;
use super::report::{FailureKind, VmFailure, VmReport};
use super::stream::Output;
use crate::native::{receive, source_of};
use crate::outcome::{End, Limit};

/// The caller's streams.
#[derive(Debug)]
pub(crate) struct Given {
    /// What the program reads.
    pub(crate) stdin: OwnedFd,
    /// Where its output goes.
    pub(crate) stdout: OwnedFd,
    /// Where its errors go.
    pub(crate) stderr: OwnedFd,
}

/// What the other end says meanwhile.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    signal: u8,
}

/// Who is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Control,
    Port,
    Monitor,
    Words,
    Stdin,
    Output(usize),
}

/// One machine that runs.
pub(crate) struct Session<'a> {
    control: &'a UnixStream,
    monitor: Monitor,
    order: &'a VmOrder,
    channel: Channel,
    /// Bytes on the way to the guest.
    outbox: Vec<u8>,
    /// How much input the guest has room for.
    room: u32,
    stdin: Option<File>,
    outputs: [Output; 2],
    /// Signals that came before there was a program.
    early: Vec<u8>,
    begun: Instant,
    started: Option<Instant>,
    /// The last of what the monitor says about itself.
    words: Vec<u8>,
    report: VmReport,
}

/// How much of the monitor's words is kept.
const MOST_WORDS: usize = 4096;
/// The most signals that wait for a program.
const MOST_SIGNALS: usize = 16;

impl<'a> Session<'a> {
    /// A machine that has just been started.
    pub(crate) fn new(
        control: &'a UnixStream,
        monitor: Monitor,
        order: &'a VmOrder,
        given: Given,
        begun: Instant,
    ) -> Self {
        Self {
            control,
            monitor,
            order,
            channel: Channel::default(),
            outbox: Vec::new(),
            room: WINDOW,
            stdin: Some(source_of(given.stdin).into()),
            outputs: [Output::new(given.stdout), Output::new(given.stderr)],
            early: Vec::new(),
            begun,
            started: None,
            words: Vec::new(),
            report: VmReport::default(),
        }
    }

    /// Stays until it is gone and all output is passed on. Nothing when nobody waits for an answer any more.
    pub(crate) fn stay(mut self) -> Option<VmReport> {
        loop {
            let over = self.is_over();
            if over && self.outputs.iter().all(|output| output.waiting().is_none()) {
                return Some(self.report);
            }
            if self.time_left().is_zero() {
                if over {
                    return Some(self.report);
                }
                self.out_of_time();
                continue;
            }
            let ready = self.look(over);
            for source in ready {
                if !self.turn(source) {
                    return None;
                }
            }
        }
    }

    fn is_over(&self) -> bool {
        self.report.end.is_some() || self.report.failure.is_some()
    }

    /// Until the limit that counts now.
    fn time_left(&self) -> Duration {
        // The first instructions of a machine are those of its kernel: that takes its time where they are translated.
        let boot = match self.order.machine.accelerator {
            Accelerator::Kvm => Duration::from_secs(30),
            Accelerator::Tcg => Duration::from_secs(120),
        };
        match self.started {
            Some(started) => self.order.settings.limits.wall.saturating_sub(started.elapsed()),
            None => boot.saturating_sub(self.begun.elapsed()),
        }
    }

    fn out_of_time(&mut self) {
        if self.started.is_some() {
            self.end(End::Killed(libc::SIGKILL), Some(Limit::Wall));
        } else {
            let why = format!("the guest did not start in time; it said: {}", self.channel.tail());
            self.fail(FailureKind::Guest, why);
        }
    }

    /// The first end counts.
    fn end(&mut self, end: End, limit: Option<Limit>) {
        if self.is_over() {
            return;
        }
        self.report.end = Some(end);
        self.report.limit = limit;
        self.close();
    }

    fn fail(&mut self, kind: FailureKind, why: String) {
        if self.is_over() {
            return;
        }
        self.report.failure = Some(VmFailure { kind, why });
        self.close();
    }

    fn close(&mut self) {
        if let Some(started) = self.started {
            self.report.wall = millis(started.elapsed());
        }
        self.stdin = None;
        self.monitor.end();
    }

    /// What can be done now.
    fn look(&self, over: bool) -> Vec<Source> {
        let mut wanted: Vec<(Source, BorrowedFd<'_>, PollFlags)> =
            vec![(Source::Control, self.control.as_fd(), PollFlags::POLLIN)];
        for (number, output) in self.outputs.iter().enumerate() {
            wanted.extend(output.waiting().map(|to| (Source::Output(number), to, PollFlags::POLLOUT)));
        }
        if !over {
            let mut port = PollFlags::empty();
            port.set(PollFlags::POLLIN, self.outputs.iter().all(Output::has_room));
            port.set(PollFlags::POLLOUT, !self.outbox.is_empty());
            if !port.is_empty() {
                wanted.push((Source::Port, self.monitor.port.as_fd(), port));
            }
            wanted.push((Source::Monitor, self.monitor.pidfd(), PollFlags::POLLIN));
            let words = self.monitor.words.as_ref();
            wanted.extend(words.map(|words| (Source::Words, words.as_fd(), PollFlags::POLLIN)));
            let stdin = self.stdin.as_ref();
            let stdin = stdin.filter(|_| self.started.is_some() && self.room > 0 && self.outbox.is_empty());
            wanted.extend(stdin.map(|stdin| (Source::Stdin, stdin.as_fd(), PollFlags::POLLIN)));
        }
        let mut entries: Vec<PollFd<'_>> =
            wanted.iter().map(|(_, descriptor, flags)| PollFd::new(*descriptor, *flags)).collect();
        let left = self.time_left().saturating_add(Duration::from_millis(1));
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        if poll(&mut entries, timeout).is_err() {
            return Vec::new();
        }
        let ready = |entry: &PollFd<'_>| entry.revents().is_some_and(|found| !found.is_empty());
        wanted
            .iter()
            .zip(&entries)
            .filter(|(_, entry)| ready(entry))
            .map(|((source, ..), _)| *source)
            .collect()
    }

    /// Answers whether anybody still waits.
    fn turn(&mut self, source: Source) -> bool {
        match source {
            Source::Control => return self.request(),
            Source::Port => self.port(),
            Source::Monitor => self.monitor_is_gone(),
            Source::Words => self.listen(),
            Source::Stdin => self.input(),
            Source::Output(number) => self.output(number),
        }
        true
    }

    fn request(&mut self) -> bool {
        let Ok(Some((bytes, _))) = receive(self.control) else { return false };
        let Ok(Request { signal: signal @ 1..=64 }) = serde_json::from_slice(&bytes) else { return false };
        if i32::from(signal) == libc::SIGKILL {
            // Not asked of the guest, which may not want to.
            self.end(End::Killed(libc::SIGKILL), None);
        } else if self.started.is_some() {
            self.outbox.extend(Message::Signal(signal).to_bytes());
        } else if self.early.len() < MOST_SIGNALS {
            self.early.push(signal);
        }
        true
    }

    fn port(&mut self) {
        let sent = if self.outbox.is_empty() { Ok(0) } else { (&self.monitor.port).write(&self.outbox) };
        // One that cannot be written to is gone, or takes it later.
        self.outbox.drain(..sent.unwrap_or(0).min(self.outbox.len()));
        if self.outputs.iter().all(Output::has_room) {
            self.hear();
        }
    }

    /// Reads once; answers whether there was something.
    fn hear(&mut self) -> bool {
        let mut bytes = vec![0; 16_384];
        let length = match (&self.monitor.port).read(&mut bytes) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(_) => 0,
        };
        let bytes = bytes.get(..length).unwrap_or_default();
        match self.channel.hear(bytes) {
            Ok(messages) => messages.into_iter().for_each(|message| self.message(message)),
            Err(broken) => {
                let why = format!("the guest said {broken}: {}", self.channel.tail());
                self.fail(FailureKind::Guest, why);
            }
        }
        length > 0
    }

    /// SECURITY: what is not for us, or comes at the wrong time, is not from our program.
    fn message(&mut self, message: Message) {
        match (message, self.started.is_some()) {
            _ if self.is_over() => {}
            (Message::Started, false) => self.program_started(),
            (Message::Failed(cause, why), _) => {
                let kind = match cause {
                    Cause::Step => FailureKind::Setup,
                    Cause::NotFound => FailureKind::NotFound,
                    Cause::NotExecutable => FailureKind::NotExecutable,
                };
                self.fail(kind, printable(why.as_bytes()));
            }
            (Message::Stdout(bytes), true) => self.pass_on(0, &bytes),
            (Message::Stderr(bytes), true) => self.pass_on(1, &bytes),
            (Message::Room(more), true) => self.room = self.room.saturating_add(more).min(WINDOW),
            (Message::Ended(ended), true) => self.program_ended(ended),
            (
                Message::Started
                | Message::Stdout(_)
                | Message::Stderr(_)
                | Message::Room(_)
                | Message::Ended(_)
                | Message::Stdin(_)
                | Message::StdinEnd
                | Message::Signal(_)
                | Message::Closed(_),
                _,
            ) => self.fail(FailureKind::Guest, "the guest said something out of turn".to_owned()),
        }
    }

    fn program_started(&mut self) {
        self.started = Some(Instant::now());
        self.report.boot = millis(self.begun.elapsed());
        for signal in std::mem::take(&mut self.early) {
            self.outbox.extend(Message::Signal(signal).to_bytes());
        }
    }

    fn program_ended(&mut self, ended: Ended) {
        let end = if ended.killed { End::Killed(ended.number) } else { End::Exited(ended.number) };
        (self.report.user, self.report.system) = (ended.user, ended.system);
        self.report.peak_memory = ended.peak;
        self.end(end, limit_of(ended));
    }

    fn pass_on(&mut self, number: usize, bytes: &[u8]) {
        let most = self.order.settings.limits.output;
        let left = usize::try_from(most.saturating_sub(self.report.output)).unwrap_or(usize::MAX);
        let allowed = bytes.get(..left).unwrap_or(bytes);
        self.report.output =
            self.report.output.saturating_add(u64::try_from(allowed.len()).unwrap_or(u64::MAX));
        if let Some(output) = self.outputs.get_mut(number) {
            output.push(allowed);
        }
        if allowed.len() < bytes.len() {
            self.end(End::Killed(libc::SIGKILL), Some(Limit::Output));
        }
    }

    fn output(&mut self, number: usize) {
        let Some(output) = self.outputs.get_mut(number) else { return };
        match output.turn() {
            Ok(false) => {}
            Ok(true) => {
                let descriptor = if number == 0 { 1 } else { 2 };
                self.outbox.extend(Message::Closed(descriptor).to_bytes());
            }
            Err(errno) => self.fail(FailureKind::Output, errno.desc().to_owned()),
        }
    }

    fn input(&mut self) {
        let Some(stdin) = &mut self.stdin else { return };
        let most = usize::try_from(self.room).unwrap_or(MOST).min(MOST);
        let mut bytes = vec![0; most];
        match stdin.read(&mut bytes) {
            Ok(0) => self.no_more_input(),
            Ok(length) => {
                bytes.truncate(length);
                self.room = self.room.saturating_sub(u32::try_from(length).unwrap_or(u32::MAX));
                self.outbox.extend(Message::Stdin(bytes).to_bytes());
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            // As where a terminal's other side is closed.
            Err(_) => self.no_more_input(),
        }
    }

    fn no_more_input(&mut self) {
        self.stdin = None;
        self.outbox.extend(Message::StdinEnd.to_bytes());
    }

    fn listen(&mut self) {
        let mut bytes = [0; 1024];
        let length = self.monitor.words.as_mut().map_or(0, |words| words.read(&mut bytes).unwrap_or(0));
        if length == 0 {
            self.monitor.words = None;
        }
        self.words.extend_from_slice(bytes.get(..length).unwrap_or_default());
        self.words.drain(..self.words.len().saturating_sub(MOST_WORDS));
    }

    /// It ended by itself: what it had to say is heard first.
    fn monitor_is_gone(&mut self) {
        while !self.is_over() && self.hear() {}
        while self.monitor.words.is_some() {
            self.listen();
        }
        let (said, guest) = (printable(&self.words), self.channel.tail());
        let why =
            format!("the machine ended before its program did; QEMU said: {said}; the guest said: {guest}");
        self.fail(FailureKind::Monitor, why);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
