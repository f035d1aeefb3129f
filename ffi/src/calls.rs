//! Running calls: each has an id, can be cancelled, and is answered exactly once.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, Weak};

use perry_sandbox_runner::Remote;

use crate::code::Code;
use crate::envelope;
use crate::fault::Fault;
use crate::lock::lock;

/// Takes the text of a reply.
pub(crate) type Done = Box<dyn FnOnce(String) + Send>;

thread_local! {
    /// How many replies this thread is delivering: a `close` inside of one must not wait for itself.
    static DELIVERING: Cell<usize> = const { Cell::new(0) };
}

/// Every call that has not been answered.
#[derive(Default)]
pub(crate) struct Calls {
    state: Mutex<State>,
    fewer: Condvar,
}

#[derive(Default)]
struct State {
    /// By id, to cancel them.
    named: HashMap<String, Arc<Call>>,
    /// What runs or delivers, named or not.
    active: usize,
    /// Threads in [`Calls::wait`].
    waiting: usize,
    closed: bool,
}

/// One call.
pub(crate) struct Call {
    id: String,
    calls: Weak<Calls>,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Waits for a thread; a cancel answers at once.
    Queued(Responder),
    /// Runs; a cancel kills its sandbox, or keeps it from starting.
    Running(Option<Remote>),
    /// Runs without a sandbox; a cancel answers at once, and the work ends when it next looks.
    Lent(Responder),
    Cancelled,
    Finished,
}

/// Answers one call, once: when it is dropped unanswered, with INTERNAL.
pub(crate) struct Responder {
    id: String,
    done: Option<Done>,
    active: Option<Active>,
}

/// Something that `close` waits for.
pub(crate) struct Active(Arc<Calls>);

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calls").field("active", &lock(&self.state).active).finish_non_exhaustive()
    }
}

impl Calls {
    /// Counts something that `close` waits for.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Active, Fault> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Fault::closed());
        }
        state.active = state.active.saturating_add(1);
        drop(state);
        Ok(Active(Arc::clone(self)))
    }

    /// Registers a call that is answered by whoever runs it.
    pub(crate) fn register(self: &Arc<Self>, id: &str) -> Result<Arc<Call>, Fault> {
        let call = Arc::new(Call {
            id: id.to_owned(),
            calls: Arc::downgrade(self),
            stage: Mutex::new(Stage::Running(None)),
        });
        let mut state = lock(&self.state);
        if state.closed {
            return Err(Fault::closed());
        }
        if state.named.contains_key(id) {
            let message = format!("a call with the id `{id}` is running: every call needs an id of its own");
            return Err(Fault::new(Code::Conflict, message));
        }
        state.named.insert(id.to_owned(), Arc::clone(&call));
        drop(state);
        Ok(call)
    }

    /// Cancels a call; whether there was one that was not over.
    pub(crate) fn cancel(&self, id: &str) -> bool {
        let call = lock(&self.state).named.get(id).cloned();
        call.is_some_and(|call| call.cancel())
    }

    /// Refuses every later call and cancels those that run; whether this was the first time.
    pub(crate) fn close(&self) -> bool {
        let mut state = lock(&self.state);
        if std::mem::replace(&mut state.closed, true) {
            return false;
        }
        let calls: Vec<_> = state.named.values().cloned().collect();
        drop(state);
        for call in calls {
            call.cancel();
        }
        true
    }

    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.state).closed
    }

    /// Waits until everything is answered, but for what this very thread is delivering.
    pub(crate) fn wait(&self) {
        let own = DELIVERING.get();
        let mut state = lock(&self.state);
        state.waiting = state.waiting.saturating_add(1);
        while state.active > own {
            state = self.fewer.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.waiting = state.waiting.saturating_sub(1);
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.active = state.active.saturating_sub(1);
        let waiting = state.waiting;
        drop(state);
        // To wake nobody is a system call too, and there is one at the end of every call.
        if waiting > 0 {
            self.0.fewer.notify_all();
        }
    }
}

impl Call {
    /// Lets a cancel answer while the call waits for a thread.
    pub(crate) fn queue(&self, responder: Responder) {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Running(_)) {
            *stage = Stage::Queued(responder);
            return;
        }
        drop(stage);
        self.forget();
        responder.answer(Err(Fault::cancelled()));
    }

    /// The call has a thread; nothing if it was cancelled, and answered, before.
    pub(crate) fn begin(&self) -> Option<Responder> {
        let mut stage = lock(&self.stage);
        match std::mem::replace(&mut *stage, Stage::Running(None)) {
            Stage::Queued(responder) => Some(responder),
            other @ (Stage::Running(_) | Stage::Lent(_) | Stage::Cancelled | Stage::Finished) => {
                *stage = other;
                None
            }
        }
    }

    /// Lets a cancel answer while the call works: for work that leaves nothing behind which a caller would have to know of.
    /// The work is counted by what is returned, for `close` waits for it too; [`Call::settle`] answers.
    pub(crate) fn lend(&self, mut responder: Responder) -> Option<Active> {
        let active = responder.active.take();
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Running(_)) {
            *stage = Stage::Lent(responder);
            return active;
        }
        drop(stage);
        responder.answer(Err(Fault::cancelled()));
        active
    }

    /// Answers with the value, unless a cancel has answered.
    pub(crate) fn settle(&self, value: Result<String, Fault>) {
        let before = std::mem::replace(&mut *lock(&self.stage), Stage::Finished);
        self.forget();
        if let Stage::Lent(responder) = before {
            responder.answer(value);
        }
    }

    /// A fault once the call was cancelled.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.go_on() { Ok(()) } else { Err(Fault::cancelled()) }
    }

    /// Whether nobody cancelled it.
    pub(crate) fn go_on(&self) -> bool {
        !matches!(*lock(&self.stage), Stage::Cancelled)
    }

    /// From here on a cancel reaches the sandbox that this remote speaks to. After a fault it must not be started.
    pub(crate) fn attach(&self, remote: Remote) -> Result<(), Fault> {
        let mut stage = lock(&self.stage);
        match &mut *stage {
            Stage::Running(slot) => {
                *slot = Some(remote);
                Ok(())
            }
            Stage::Queued(_) | Stage::Lent(_) | Stage::Cancelled | Stage::Finished => Err(Fault::cancelled()),
        }
    }

    /// Ends the call: what a cancel promised wins over the value.
    pub(crate) fn finish<T>(&self, value: Result<T, Fault>) -> Result<T, Fault> {
        let before = std::mem::replace(&mut *lock(&self.stage), Stage::Finished);
        self.forget();
        if matches!(before, Stage::Cancelled) { Err(Fault::cancelled()) } else { value }
    }

    /// Cancels it; whether it was not over.
    pub(crate) fn cancel(&self) -> bool {
        let mut stage = lock(&self.stage);
        if matches!(*stage, Stage::Finished) {
            return false;
        }
        match std::mem::replace(&mut *stage, Stage::Cancelled) {
            Stage::Queued(responder) => {
                *stage = Stage::Finished;
                drop(stage);
                self.forget();
                responder.answer(Err(Fault::cancelled()));
            }
            Stage::Lent(responder) => {
                drop(stage);
                self.forget();
                responder.answer(Err(Fault::cancelled()));
            }
            Stage::Running(Some(remote)) => {
                // A sandbox that has ended by itself needs no kill.
                remote.kill().ok();
            }
            Stage::Running(None) | Stage::Cancelled | Stage::Finished => {}
        }
        true
    }

    /// Takes it out of the table, where the next call of that id may stand already.
    fn forget(&self) {
        if let Some(calls) = self.calls.upgrade() {
            let named = &mut lock(&calls.state).named;
            if named.get(&self.id).is_some_and(|other| std::ptr::eq(Arc::as_ptr(other), self)) {
                named.remove(&self.id);
            }
        }
    }
}

impl Responder {
    /// Answers the call `id` through `done`.
    pub(crate) fn new(id: &str, done: Done, active: Option<Active>) -> Self {
        Self { id: id.to_owned(), done: Some(done), active }
    }

    /// Answers.
    pub(crate) fn answer(mut self, value: Result<String, Fault>) {
        self.deliver(value);
    }

    fn deliver(&mut self, value: Result<String, Fault>) {
        let Some(done) = self.done.take() else { return };
        let text = envelope::answer(&self.id, value);
        DELIVERING.set(DELIVERING.get().saturating_add(1));
        // A callback that panics has had its reply.
        drop(catch_unwind(AssertUnwindSafe(|| done(text))));
        DELIVERING.set(DELIVERING.get().saturating_sub(1));
        drop(self.active.take());
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.deliver(Err(Fault::internal()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn call() -> (Arc<Calls>, Arc<Call>, mpsc::Receiver<String>) {
        let calls = Arc::new(Calls::default());
        let call = calls.register("7").unwrap();
        let (sender, receiver) = mpsc::channel();
        let done: Done = Box::new(move |text| sender.send(text).unwrap());
        call.queue(Responder::new("7", done, Some(calls.enter().unwrap())));
        (calls, call, receiver)
    }

    #[test]
    fn a_cancel_before_the_start_answers_at_once_and_nothing_starts() {
        let (calls, call, replies) = call();
        assert!(calls.cancel("7") && !calls.cancel("7"));
        assert!(replies.recv().unwrap().contains("CANCELLED"));
        assert!(call.begin().is_none());
        calls.wait();
        assert!(replies.recv().is_err(), "nothing is answered twice");
    }

    #[test]
    fn a_cancel_before_the_sandbox_keeps_it_from_starting() {
        let (calls, call, replies) = call();
        let responder = call.begin().unwrap();
        assert!(calls.cancel("7"));
        let (remote, _commands) = perry_sandbox_runner::remote().unwrap();
        assert_eq!(call.attach(remote).unwrap_err().code, Code::Cancelled);
        responder.answer(call.finish(Ok("{}".to_owned())));
        assert!(replies.recv().unwrap().contains("CANCELLED"));
    }

    #[test]
    fn a_cancel_after_the_end_says_no() {
        let (calls, call, replies) = call();
        let responder = call.begin().unwrap();
        let value = call.finish(Ok("{}".to_owned()));
        assert!(!calls.cancel("7") && !call.cancel());
        responder.answer(value);
        assert!(replies.recv().unwrap().contains("\"ok\":true"));
    }

    #[test]
    fn a_cancel_of_work_without_a_sandbox_answers_at_once_and_close_waits_for_the_work() {
        let (calls, call, replies) = call();
        let active = call.lend(call.begin().unwrap());
        assert!(call.check().is_ok());
        assert!(calls.cancel("7") && !calls.cancel("7"));
        assert!(replies.recv().unwrap().contains("CANCELLED"));
        assert!(call.check().is_err(), "the work hears of it");

        let next = calls.register("7").unwrap();
        call.settle(Ok("{}".to_owned()));
        assert!(replies.recv().is_err(), "nothing is answered twice");
        assert!(calls.cancel("7"), "the next call of that id is still there");
        drop(next);

        let (done, ended) = mpsc::channel();
        let waiter = std::thread::spawn({
            let calls = Arc::clone(&calls);
            move || {
                calls.wait();
                done.send(()).unwrap();
            }
        });
        assert!(ended.recv_timeout(std::time::Duration::from_millis(50)).is_err());
        drop(active);
        ended.recv().unwrap();
        waiter.join().unwrap();
    }

    #[test]
    fn a_panic_is_answered_and_a_callback_that_panics_harms_nobody() {
        let (calls, call, replies) = call();
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _responder = call.begin().unwrap();
            panic!("in an operation");
        }));
        assert!(panicked.is_err());
        assert!(replies.recv().unwrap().contains("INTERNAL"));
        Responder::new("8", Box::new(|_| panic!("in a callback")), Some(calls.enter().unwrap()))
            .answer(Ok("{}".to_owned()));
        calls.wait();
    }

    #[test]
    fn two_running_calls_cannot_have_one_id_and_after_close_there_are_none() {
        let (calls, _call, _replies) = call();
        assert_eq!(calls.register("7").err().unwrap().code, Code::Conflict);
        assert!(calls.close() && !calls.close());
        calls.wait();
        assert_eq!(calls.register("9").err().unwrap().code, Code::Closed);
    }
}
