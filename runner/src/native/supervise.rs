//! Watches one running sandbox: streams, limits, signals, its end. One thread, one poll loop, no SIGCHLD.

mod limits;
mod streams;
mod subject;

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

pub(crate) use self::subject::{Company, Counting, Ended, Running, Screen};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::cgroup::Group;
use super::memory::{Meter, Use};
use super::observer::Observer;
use super::pump::Pump;
use super::recorder::Recorder;
use super::report::{Report, read_report};
use super::settings::Bounds;
use super::signals::{Delivery, Hands, deliver};
use super::strain::Strain;
use super::sys::{Errno, NoBrokenPipeSignal, peek_exited, set_window, signal_by_pidfd, wait_exit};
use crate::egress::Door;
use crate::io::{Command, Commands};
use crate::outcome::Limit;
use crate::publish::Publisher;

/// The first look at processes; short runs are never looked at.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// How long output may still be passed on after a limit was hit or everybody is dead.
const GRACE: Duration = Duration::from_secs(2);

/// How long a late reader is given at a time.
const LATE: Duration = Duration::from_millis(20);

/// Runs the loop until the sandbox has ended and its output is passed on.
pub(crate) fn supervise(
    running: Running,
    bounds: &Bounds,
    commands: Option<&Commands>,
    company: Company<'_>,
) -> io::Result<Ended> {
    let mut watch = Watch {
        meter: Meter::new(running.rooms),
        strain: Strain::default(),
        counting: company.counting,
        running,
        bounds,
        commands,
        next_look: (!matches!(company.counting, Counting::Others)).then(|| after(FIRST_LOOK)),
        observer: company.observer,
        recorder: company.recorder,
        door: company.egress.map(Door::new),
        publisher: company.publisher,
        hands: company.hands,
        started: Instant::now(),
        passed: 0,
        passed_at_end: 0,
        given_up: false,
        executed: false,
        master: None,
        leaving: None,
        closing: None,
        ended: Ended {
            exit: None,
            as_if: None,
            limit: None,
            ran_into: None,
            failed: None,
            refused: None,
            unwritable: None,
            stdout: Vec::new(),
            stderr: Vec::new(),
            peak: Use::default(),
            wall: Duration::ZERO,
            output: 0,
            egress: None,
        },
    };
    let answer = match NoBrokenPipeSignal::new() {
        Ok(_held_back) => watch.run(),
        Err(errno) => Err(errno.into()),
    };
    if answer.is_err() {
        watch.kill();
        watch.collect();
    }
    answer.map(|()| watch.finish())
}

/// A moment from now.
fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}

struct Watch<'a> {
    running: Running,
    bounds: &'a Bounds,
    commands: Option<&'a Commands>,
    next_look: Option<Instant>,
    observer: Option<&'a dyn Observer>,
    recorder: Option<&'a Recorder>,
    /// The only way out.
    door: Option<Door>,
    publisher: Option<&'a Publisher>,
    hands: Option<&'a dyn Hands>,
    meter: Meter,
    strain: Strain,
    counting: Counting<'a>,
    started: Instant,
    /// Bytes of output so far, and when it ended.
    passed: u64,
    passed_at_end: u64,
    /// Whether the caller does not want what is left of the output of a program that has ended.
    given_up: bool,
    /// Whether the report is closed: the program runs.
    executed: bool,
    master: Option<OwnedFd>,
    /// When the end of the input is typed.
    leaving: Option<Instant>,
    /// When nothing more is passed on.
    closing: Option<Instant>,
    ended: Ended,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Process,
    Report,
    Commands,
    Inward,
    Outward(usize),
}

impl Watch<'_> {
    fn run(&mut self) -> io::Result<()> {
        for report in std::mem::take(&mut self.running.heard) {
            self.take(report)?;
        }
        loop {
            self.see_off();
            let ready = self.wait()?;
            for source in ready {
                self.serve(source)?;
            }
            self.look();
            let now = Instant::now();
            if now >= self.deadline() && self.ended.exit.is_none() {
                self.stop(Limit::Wall);
            }
            if self.closing.is_some_and(|closing| now >= closing) && self.is_gone() {
                if !self.is_behind(now) {
                    return Ok(());
                }
                self.closing = Some(after(LATE));
            }
            if self.is_gone() && self.is_drained() {
                return Ok(());
            }
        }
    }

    fn is_gone(&self) -> bool {
        self.ended.exit.is_some() || self.ended.refused.is_some()
    }

    /// Whether its memory is its own. Before the program is executed, a process that we cloned has ours; one of a launcher
    /// process has only the launcher's little, and nobody says when its program is executed.
    fn is_watched(&self) -> bool {
        self.executed || self.running.remote && self.meter.is_complete()
    }

    fn deadline(&self) -> Instant {
        self.started.checked_add(self.bounds.wall).unwrap_or(self.started)
    }

    /// Polls until something happens or a time has come; answers what is ready.
    fn wait(&self) -> io::Result<Vec<Source>> {
        let mut sources = Vec::with_capacity(6);
        let mut entries: Vec<PollFd<'_>> = Vec::with_capacity(6);
        let mut add = |source, descriptor, flags| {
            sources.push(source);
            entries.push(PollFd::new(descriptor, flags));
        };
        if let (Some((_, pidfd)), None, false) =
            (&self.running.process, &self.ended.exit, self.running.remote)
        {
            add(Source::Process, pidfd.as_fd(), PollFlags::POLLIN);
        }
        if !self.executed {
            add(Source::Report, self.running.report.as_fd(), PollFlags::POLLIN);
        }
        // A command that comes before there is anybody to obey it waits in its socket.
        let has_ended = self.is_gone() && !self.running.joined;
        if let (Some(commands), Some(_), false) = (self.commands, &self.running.process, has_ended) {
            add(Source::Commands, commands.descriptor(), PollFlags::POLLIN);
        }
        if let Some((descriptor, flags)) = self.running.inward.as_ref().and_then(Pump::interest)
            && !self.is_gone()
            && !self.is_too_early_to_type()
        {
            add(Source::Inward, descriptor, flags);
        }
        for (number, pump) in self.running.outward.iter().enumerate() {
            if let Some((descriptor, flags)) = pump.as_ref().and_then(Pump::interest) {
                add(Source::Outward(number), descriptor, flags);
            }
        }
        let timeout = PollTimeout::try_from(self.patience()).unwrap_or(PollTimeout::MAX);
        match poll(&mut entries, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let ready = |entry: &PollFd<'_>| entry.any().unwrap_or(true);
        Ok(entries.iter().zip(sources).filter(|(entry, _)| ready(entry)).map(|(_, source)| source).collect())
    }

    fn patience(&self) -> Duration {
        let live = self.ended.exit.is_none();
        let look = self.next_look.filter(|_| live && self.is_watched());
        let times = [live.then(|| self.deadline()), look, self.leaving, self.closing];
        let next = times.into_iter().flatten().min().unwrap_or_else(|| self.deadline());
        // Rounded up: waking just before the time would spin.
        next.saturating_duration_since(Instant::now()).saturating_add(Duration::from_micros(999))
    }

    fn serve(&mut self, source: Source) -> io::Result<()> {
        match source {
            Source::Process => self.collect(),
            Source::Report => return self.hear(),
            Source::Commands => self.obey(),
            Source::Inward => self.pass_in(),
            Source::Outward(number) => self.pass_on(number),
        }
        Ok(())
    }

    /// The first process is dead: the kernel has killed all others of its pid namespace.
    fn collect(&mut self) {
        let Some((_, pidfd)) = &self.running.process else { return };
        if self.ended.exit.is_none() && !self.running.remote {
            self.ended.exit = wait_exit(pidfd.as_fd()).ok();
            self.note_end();
        }
    }

    fn note_end(&mut self) {
        self.ended.wall = self.started.elapsed();
        self.passed_at_end = self.passed;
        let last = if self.running.joined { after(GRACE) } else { self.deadline().max(after(GRACE)) };
        self.closing.get_or_insert(last);
    }

    fn hear(&mut self) -> io::Result<()> {
        let report = read_report(&self.running.report)?;
        self.take(report)
    }

    fn take(&mut self, report: Report) -> io::Result<()> {
        match report {
            Report::Failed { step, errno } => self.ended.failed = Some((step, errno)),
            Report::Terminal(master) => self.open_screen(master)?,
            Report::Room(room) => self.meter.add(room),
            // Nobody but the step that records sends one.
            Report::Listener(listener) => {
                let recorder = self.recorder.ok_or(io::ErrorKind::InvalidData)?;
                recorder.listen(listener)?;
            }
            // Nor these but the step that opens the door.
            Report::Door(listener) => self.door()?.take_listener(listener),
            Report::Names(names) => self.door()?.take_names(names)?,
            Report::Socket(socket) => {
                self.publisher.ok_or(io::ErrorKind::InvalidData)?.take(socket)?;
            }
            Report::Started { pid, pidfd } => {
                self.running.process = Some((pid, pidfd));
                self.running.note.take().map_or(Ok(()), |note| note.started(pid))?;
                // A limit may have been hit before there was anybody to kill.
                if self.ended.limit.is_some() {
                    self.kill();
                }
            }
            Report::Exited(exit) => {
                self.ended.exit = Some(exit);
                self.executed = true;
                self.note_end();
            }
            Report::Refused(why) => {
                self.ended.refused = Some(why);
                self.executed = true;
                self.running.outward = [None, None];
            }
            Report::Nothing => {}
            // Only a sandbox that waits for its call says so, and nobody supervises it yet.
            Report::Ready => return Err(io::ErrorKind::InvalidData.into()),
            Report::Closed => {
                self.executed = true;
                if let (Some(observer), None) = (self.observer, self.ended.failed) {
                    observer.executed();
                }
                if self.running.remote && self.ended.exit.is_none() {
                    return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the launcher process has died"));
                }
            }
        }
        Ok(())
    }

    fn door(&mut self) -> io::Result<&mut Door> {
        self.door.as_mut().ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    fn obey(&mut self) {
        let Some(commands) = self.commands else { return };
        let Some(commands) = commands.take() else {
            self.commands = None;
            return;
        };
        if self.is_gone() && commands.iter().any(|command| !matches!(command, Command::Window { .. })) {
            // There is nobody to be ended but ourselves.
            self.given_up = true;
            self.closing = Some(Instant::now());
            return;
        }
        for command in commands {
            match command {
                Command::Signal(number) => self.signal(number, deliver),
                Command::Kill => self.signal(libc::SIGKILL, deliver),
                Command::Window { rows, columns } => {
                    if let Some(master) = &self.master {
                        let _ = set_window(master.as_fd(), rows, columns);
                        // An engine's client has the other side, and not as the terminal of its session.
                        if let (Some(_), Some((_, client))) = (self.hands, &self.running.process) {
                            let _ = signal_by_pidfd(client.as_raw_fd(), libc::SIGWINCH);
                        }
                    }
                }
            }
        }
    }

    fn signal(&mut self, number: i32, act: fn(i32, BorrowedFd<'_>, i32) -> Delivery) {
        let Some((pid, pidfd)) = &self.running.process else { return };
        if let Some(hands) = self.hands {
            if number == libc::SIGKILL {
                hands.kill();
            } else if hands.signal(number) == Delivery::EndedInstead {
                self.ended.as_if.get_or_insert(number);
            }
            return;
        }
        if !peek_exited(pidfd.as_fd()) && act(*pid, pidfd.as_fd(), number) == Delivery::EndedInstead {
            self.ended.as_if.get_or_insert(number);
        }
    }

    /// Kills process 1; the kernel takes everything else in its pid namespace along, daemons too.
    fn kill(&self) {
        if let Some(hands) = self.hands {
            hands.kill();
        } else if let Some((_, pidfd)) = &self.running.process {
            // Gone already is what we want.
            let _: Result<(), Errno> = signal_by_pidfd(pidfd.as_raw_fd(), libc::SIGKILL);
        }
    }

    fn finish(mut self) -> Ended {
        // A failed step may still be waiting behind the news of the end.
        while !self.executed {
            match read_report(&self.running.report) {
                Ok(Report::Failed { step, errno }) => self.ended.failed = Some((step, errno)),
                Ok(Report::Room(room)) => self.meter.add(room),
                Ok(Report::Nothing | Report::Closed) | Err(_) => break,
                Ok(_) => {}
            }
        }
        let group = if let Counting::Kernel(group) = self.counting { Some(group) } else { None };
        let largest = self.ended.exit.and_then(|exit| exit.largest_of_program());
        let peaks = [largest, group.and_then(Group::peak)];
        let peak = peaks.into_iter().flatten().fold(self.ended.peak.memory, u64::max);
        self.strain.conclude(self.bounds, peak, self.meter.is_full(), group);
        self.ended.ran_into = self.strain.limit();
        self.ended.output = self.passed;
        self.ended.egress = self.door.take().map(Door::close);
        let [stdout, stderr] = self.running.outward;
        self.ended.stdout = stdout.map(Pump::captured).unwrap_or_default();
        self.ended.stderr = stderr.map(Pump::captured).unwrap_or_default();
        self.ended
    }
}
