//! Threads for calls: made when they are needed, gone when they are not, never more than a bound.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};

use crate::code::Code;
use crate::fault::Fault;
use crate::lock::lock;

/// Enough for a certificate chain, and for the thread-local variables of the whole program, which glibc puts on the stack
/// too: a Perry program has more than a megabyte of them. Only what is touched takes memory.
pub(crate) const STACK: usize = 4 << 20;
/// How long a thread waits for work before it goes.
const IDLE: Duration = Duration::from_secs(5);
/// Calls that may wait.
const MAX_QUEUED: usize = 16_384;
/// Bytes of requests that may wait.
const MAX_QUEUED_BYTES: usize = 256 << 20;

type Job = Box<dyn FnOnce() + Send>;

/// One queue with its threads. Runs have another one than short calls, so that neither waits for the other.
#[derive(Debug, Clone)]
pub(crate) struct Lane(Arc<Shared>);

struct Shared {
    name: &'static str,
    most: usize,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<(usize, Job)>,
    bytes: usize,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Lane")
            .field("name", &self.name)
            .field("threads", &state.threads)
            .field("queued", &state.queue.len())
            .finish_non_exhaustive()
    }
}

impl Lane {
    /// A lane of at most `most` threads.
    pub(crate) fn new(name: &'static str, most: usize) -> Self {
        Self(Arc::new(Shared { name, most, state: Mutex::default(), wake: Condvar::new() }))
    }

    /// Puts a job of a request of `bytes` at the end of the queue.
    ///
    /// # Errors
    /// Too much waits already, or there is no thread and none can be made; the job is dropped then.
    pub(crate) fn submit(&self, bytes: usize, job: Job) -> Result<(), Fault> {
        let shared = &self.0;
        let mut state = lock(&shared.state);
        let more = state.bytes.saturating_add(bytes);
        if state.closed || state.queue.len() >= MAX_QUEUED || more > MAX_QUEUED_BYTES {
            drop(state);
            return Err(busy());
        }
        if state.idle <= state.queue.len() && state.threads < shared.most {
            let spawned = std::thread::Builder::new()
                .name(shared.name.to_owned())
                .stack_size(STACK)
                .spawn({
                    let shared = Arc::clone(shared);
                    move || shared.work()
                })
                .is_ok();
            if spawned {
                state.threads = state.threads.saturating_add(1);
            } else if state.threads == 0 {
                drop(state);
                return Err(busy());
            }
        }
        state.queue.push_back((bytes, job));
        state.bytes = more;
        drop(state);
        shared.wake.notify_one();
        Ok(())
    }

    /// Lets the threads go when the queue is empty.
    pub(crate) fn close(&self) {
        lock(&self.0.state).closed = true;
        self.0.wake.notify_all();
    }
}

fn busy() -> Fault {
    Fault::new(Code::Busy, "too many calls wait already: ask again when some have ended")
}

impl Shared {
    fn work(&self) {
        leave_signals_to_the_program();
        while let Some(job) = self.next() {
            // Whoever the job answers to is answered by the drop of its responder.
            drop(catch_unwind(AssertUnwindSafe(job)));
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        loop {
            if let Some((bytes, job)) = state.queue.pop_front() {
                state.bytes = state.bytes.saturating_sub(bytes);
                return Some(job);
            }
            if state.closed {
                break;
            }
            state.idle = state.idle.saturating_add(1);
            let (woken, waited) = self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle = state.idle.saturating_sub(1);
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads = state.threads.saturating_sub(1);
        None
    }
}

/// Signals are the program's own threads' business, but for those that a thread causes itself.
pub(crate) fn leave_signals_to_the_program() {
    let mut signals = SigSet::all();
    for own in
        [Signal::SIGSEGV, Signal::SIGBUS, Signal::SIGFPE, Signal::SIGILL, Signal::SIGTRAP, Signal::SIGABRT]
    {
        signals.remove(own);
    }
    // A thread that also gets signals is no worse than any other of the program.
    signals.thread_block().ok();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_panic_costs_no_thread_and_no_job() {
        let lane = Lane::new("test", 1);
        let (sender, done) = mpsc::channel();
        for number in 0..10 {
            let sender = sender.clone();
            let job: Job = Box::new(move || {
                sender.send(number).unwrap();
                assert!(number % 2 == 0, "every second one panics");
            });
            lane.submit(1, job).unwrap();
        }
        drop(sender);
        assert_eq!(done.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_bytes() {
        let lane = Lane::new("test", 1);
        let (sender, stop) = mpsc::channel::<()>();
        lane.submit(0, Box::new(move || stop.recv().unwrap_or_default())).unwrap();
        assert_eq!(lane.submit(MAX_QUEUED_BYTES + 1, Box::new(|| ())).unwrap_err().code, Code::Busy);
        let refused = (0..MAX_QUEUED + 2).find(|_| lane.submit(0, Box::new(|| ())).is_err());
        assert!(refused.is_some_and(|at| at >= MAX_QUEUED - 1));
        drop(sender);
    }
}
