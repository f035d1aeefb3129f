//! What the threads of one supervisor know together.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use perry_sandbox_policy::Publication;

use super::control::{Answer, Order, Pause};
use super::error::LifecycleError;
use super::folder::Held;
use super::health::{BadAnswer, Health};
use super::record::{Record, State};
use super::tree::{self, Load};
use crate::io::Remote;
use crate::native::{Group, Observer, Target, Users, peek_exited, send};

/// How many may speak to one supervisor at the same time.
const MOST_GUESTS: usize = 128;
/// How long those who joined may take to be told of the end.
pub(super) const FAREWELL: Duration = Duration::from_secs(5);

pub(super) struct Post {
    pub(super) order: Order,
    pub(super) held: Held,
    record: Mutex<Record>,
    remote: Remote,
    control: UnixStream,
    /// The first process, once it is there, and whether its program runs.
    first: Mutex<Option<(i32, OwnedFd, Option<Group>)>>,
    executed: AtomicBool,
    /// Whether its program has ever run.
    begun: AtomicBool,
    restarts: AtomicU32,
    /// The number of the trail's line about the start of this run.
    line: AtomicU64,
    joined: Mutex<BTreeSet<i32>>,
    spent: AtomicU64,
    /// Whether its processes are stopped. Held while that changes.
    paused: Mutex<bool>,
    guests: Mutex<Guests>,
    change: Condvar,
}

/// What changes while it runs.
#[derive(Clone, PartialEq, Eq)]
struct Now {
    restarts: u32,
    health: Option<Health>,
    bad_answer: Option<BadAnswer>,
    published: Vec<Publication>,
}

#[derive(Default)]
struct Guests {
    count: usize,
    stopping: bool,
    ended: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for Post {
    fn published(&self, ports: &[Publication]) -> io::Result<()> {
        self.change_running(|now| now.published = ports.to_vec()).map_err(io::Error::other)
    }

    fn started(&self, pid: i32, process: BorrowedFd<'_>, group: Option<&Group>) {
        // Without a descriptor nobody can join, and everything else goes on.
        *lock(&self.first) = process.try_clone_to_owned().ok().map(|process| (pid, process, group.cloned()));
    }

    fn executed(&self) {
        self.executed.store(true, Ordering::SeqCst);
        if !self.begun.swap(true, Ordering::SeqCst) {
            // A caller that is gone needs no answer.
            answer(&self.control, &Answer::Started).ok();
        }
    }

    fn joined(&self) -> Vec<i32> {
        lock(&self.joined).iter().copied().collect()
    }

    fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }
}

pub(super) fn answer(control: &UnixStream, answer: &Answer) -> io::Result<()> {
    send(control, &serde_json::to_vec(answer)?, &[])
}

impl Post {
    pub(super) fn new(
        order: Order,
        (held, record): (Held, Record),
        remote: Remote,
        control: UnixStream,
    ) -> Self {
        let line = order.trail.as_ref().map_or(0, |(_, line)| *line);
        Self {
            order,
            held,
            record: Mutex::new(record),
            remote,
            control,
            first: Mutex::new(None),
            executed: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            restarts: AtomicU32::new(0),
            line: AtomicU64::new(line),
            joined: Mutex::new(BTreeSet::new()),
            spent: AtomicU64::new(0),
            paused: Mutex::new(false),
            guests: Mutex::new(Guests::default()),
            change: Condvar::new(),
        }
    }

    /// Whether its program runs right now.
    pub(super) fn is_running(&self) -> bool {
        self.executed.load(Ordering::SeqCst) && !lock(&self.guests).ended
    }

    /// Where a program can join, while the sandbox runs.
    pub(super) fn target(&self) -> Result<Target, String> {
        const NOT_NOW: &str = "the sandbox has just ended, or has not begun";
        if !self.is_running() {
            return Err(NOT_NOW.to_owned());
        }
        if self.is_paused() {
            return Err("the sandbox is paused: let it go on first".to_owned());
        }
        self.first_process()
    }

    /// Where its first process is.
    fn first_process(&self) -> Result<Target, String> {
        const NOT_NOW: &str = "the sandbox has just ended, or has not begun";
        if let Some(work) = &self.order.engine {
            return work.target();
        }
        let first = lock(&self.first);
        let (pid, process, group) = first.as_ref().ok_or(NOT_NOW)?;
        let process = process.try_clone().map_err(|error| error.to_string())?;
        Ok(Target { pid: *pid, process, group: group.clone(), users: Users::Own })
    }

    /// Whether its processes are stopped.
    pub(super) fn is_paused(&self) -> bool {
        *lock(&self.paused)
    }

    /// Stops its processes and those that have joined, or lets them go on.
    pub(super) fn turn(&self, pause: Pause) -> Result<(), String> {
        let mut paused = lock(&self.paused);
        let wanted = pause == Pause::Begin;
        if *paused == wanted {
            return Err(if wanted { "it is paused already" } else { "it is not paused" }.to_owned());
        }
        let first = self.first_process()?;
        let tops = || self.tops(&first);
        if wanted {
            tree::freeze(&tops)?;
        } else {
            tree::thaw(&tops)?;
        }
        *paused = wanted;
        self.change_record(|is| *is = wanted).map_err(|error| error.to_string())
    }

    /// What it uses now.
    pub(super) fn measure(&self) -> Result<Load, String> {
        Ok(tree::measure(&self.tops(&self.first_process()?)))
    }

    /// Its processes.
    pub(super) fn processes(&self) -> Result<Vec<u32>, String> {
        Ok(tree::tree(&self.tops(&self.first_process()?)).into_iter().collect())
    }

    /// From whom its processes descend.
    ///
    /// SECURITY: the number of a first process that has ended may be another's.
    fn tops(&self, first: &Target) -> Vec<i32> {
        let alive = !peek_exited(first.process.as_fd());
        alive.then_some(first.pid).into_iter().chain(self.joined()).collect()
    }

    /// The root folder of its first process.
    pub(super) fn root(&self) -> Result<OwnedFd, String> {
        let first = self.first_process()?;
        let flags = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
        let root = File::options().read(true).custom_flags(flags).open(format!("/proc/{}/root", first.pid));
        let root = root.map_err(|error| format!("its files cannot be reached: {error}"))?;
        // SECURITY: the number may be another's by now; it was not while this one lives.
        if peek_exited(first.process.as_fd()) {
            return Err("it has just ended".to_owned());
        }
        Ok(root.into())
    }

    fn change_record(&self, change: impl FnOnce(&mut bool)) -> Result<(), LifecycleError> {
        let mut record = lock(&self.record);
        let State::Running { paused, .. } = &mut record.state else { return Ok(()) };
        change(paused);
        self.held.write(&record)
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

    /// Whether its program has ever run.
    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// How often it was run again.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts.load(Ordering::SeqCst)
    }

    /// The number of the trail's line about the start of this run.
    pub(super) fn line(&self) -> u64 {
        self.line.load(Ordering::SeqCst)
    }

    /// One run is over: nobody can join until the next, and nobody is well.
    pub(super) fn pause(&self) -> Result<(), LifecycleError> {
        self.executed.store(false, Ordering::SeqCst);
        *lock(&self.first) = None;
        self.spent.store(0, Ordering::Relaxed);
        if std::mem::take(&mut *lock(&self.paused)) {
            self.change_record(|paused| *paused = false)?;
        }
        if self.order.health.is_none() {
            return Ok(());
        }
        self.change_running(|now| (now.health, now.bad_answer) = (Some(Health::Starting), None))
    }

    /// Another run begins, as this line of the trail says.
    pub(super) fn resume(&self, line: u64) -> Result<(), LifecycleError> {
        self.line.store(line, Ordering::SeqCst);
        let count = self.restarts.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.change_running(|now| {
            now.restarts = count;
            now.health = now.health.map(|_| Health::Starting);
        })
    }

    /// Writes down what the answers came to, unless they are about a run that is over.
    pub(super) fn note_health(&self, run: u32, found: Health, bad: Option<BadAnswer>) {
        // Asked with the record in hand: a pause that begins now comes after it. The next change is written anew.
        self.change_running(|now| {
            if self.is_running() && self.restarts() == run {
                (now.health, now.bad_answer) = (Some(found), bad);
            }
        })
        .ok();
    }

    fn change_running(&self, change: impl FnOnce(&mut Now)) -> Result<(), LifecycleError> {
        let mut record = lock(&self.record);
        let State::Running { restarts, health, bad_answer, published, .. } = &mut record.state else {
            return Ok(());
        };
        let before = Now {
            restarts: *restarts,
            health: *health,
            bad_answer: bad_answer.clone(),
            published: published.clone(),
        };
        let mut now = before.clone();
        change(&mut now);
        if now == before {
            return Ok(());
        }
        Now { restarts: *restarts, health: *health, bad_answer: *bad_answer, published: *published } = now;
        self.held.write(&record)
    }

    /// Writes down how it ended; nothing about it changes afterwards.
    pub(super) fn close(&self, change: impl FnOnce(&mut Record)) -> Result<(), LifecycleError> {
        let mut record = lock(&self.record);
        change(&mut record);
        self.held.write(&record)
    }

    /// Tells the caller.
    pub(super) fn tell(&self, word: &Answer) {
        // A caller that is gone needs no answer.
        answer(&self.control, word).ok();
    }

    /// Waits so long; answers whether somebody wants it to stop.
    pub(super) fn stops_within(&self, time: Duration) -> bool {
        let guests = lock(&self.guests);
        let waited = self.change.wait_timeout_while(guests, time, |guests| !guests.stopping);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopping
    }

    /// Waits so long; answers whether it has ended for good.
    pub(super) fn ends_within(&self, time: Duration) -> bool {
        let guests = lock(&self.guests);
        let waited = self.change.wait_timeout_while(guests, time, |guests| !guests.ended);
        waited.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// It has ended for good: those who joined are told.
    pub(super) fn end(&self) {
        let mut guests = lock(&self.guests);
        guests.ended = true;
        self.change.notify_all();
        let busy = |guests: &mut Guests| guests.count > 0;
        drop(self.change.wait_timeout_while(guests, FAREWELL, busy));
    }

    /// Ends it, whatever its order says of restarts.
    pub(super) fn stop(&self, signal: i32, grace: Duration) {
        lock(&self.guests).stopping = true;
        self.change.notify_all();
        // What is stopped hears nothing. One that was not paused is what we want.
        self.turn(Pause::End).ok();
        // A sandbox that has ended needs no signal.
        self.remote.signal(signal).ok();
        self.ends_within(grace);
        self.remote.kill().ok();
    }

    /// Sends it a signal; what becomes of it then is its program's business.
    pub(super) fn signal(&self, signal: i32) {
        // A sandbox that has ended needs no signal.
        self.remote.signal(signal).ok();
    }

    pub(super) fn come(&self) -> bool {
        let mut guests = lock(&self.guests);
        let room = guests.count < MOST_GUESTS && !guests.ended;
        guests.count = guests.count.saturating_add(usize::from(room));
        room
    }

    pub(super) fn go(&self) {
        let mut guests = lock(&self.guests);
        guests.count = guests.count.saturating_sub(1);
        self.change.notify_all();
    }
}
