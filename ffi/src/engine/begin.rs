//! From bytes to a reply: read, register, run on this thread or another, answer once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Engine, Lane};
use crate::calls::{Call, Done, Responder};
use crate::envelope::{self, Request};
use crate::fault::Fault;
use crate::ops::{Lanes, Mode, Operation, Work};

impl Engine {
    /// Answers a request on this thread.
    pub fn call_sync(&self, request: &[u8]) -> String {
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let request = match envelope::read(request) {
                Ok(request) => request,
                Err((id, fault)) => return envelope::answer(&id, Err(fault)),
            };
            let Request { id, op, args } = request;
            let value = catch_unwind(AssertUnwindSafe(|| self.run_here(&id, &op, args)));
            envelope::answer(&id, value.unwrap_or_else(|_| Err(Fault::internal())))
        }));
        answer.unwrap_or_else(|_| envelope::answer("", Err(Fault::internal())))
    }

    fn run_here(&self, id: &str, op: &str, args: envelope::Fields) -> Result<String, Fault> {
        let work = match self.admit(op, args, Mode::Sync)? {
            Operation::AtOnce(operation) => return operation.run(self),
            Operation::Work(work) => work,
            Operation::Wait(_) | Operation::Open(_) => return Err(Fault::internal()),
        };
        let _active = self.calls.enter()?;
        let call = Registered(self.calls.register(id)?);
        let value = work.run(self, &call.0);
        call.0.finish(value)
    }

    /// Answers a request through `done`, exactly once, from whatever thread.
    pub fn call(self: &Arc<Self>, request: &[u8], done: Box<dyn FnOnce(String) + Send>) {
        let mut done = Some(done);
        let begun = catch_unwind(AssertUnwindSafe(|| self.begin(request, &mut done)));
        if begun.is_err()
            && let Some(done) = done
        {
            Responder::new("", done, None).answer(Err(Fault::internal()));
        }
    }

    fn begin(self: &Arc<Self>, request: &[u8], done: &mut Option<Done>) {
        let parsed = envelope::read(request).and_then(|Request { id, op, args }| {
            let operation = self.admit(&op, args, Mode::Async).and_then(|it| Ok((it, self.calls.enter()?)));
            operation.map(|(operation, active)| (id.clone(), operation, active)).map_err(|fault| (id, fault))
        });
        let Some(done) = done.take() else { return };
        match parsed {
            Ok((id, operation, active)) => {
                let responder = Responder::new(&id, done, Some(active));
                self.dispatch(&id, operation, responder, request.len());
            }
            Err((id, fault)) => Responder::new(&id, done, None).answer(Err(fault)),
        }
    }

    fn admit(&self, op: &str, args: envelope::Fields, mode: Mode) -> Result<Operation, Fault> {
        self.check_process()?;
        let operation = Operation::read(op, args, mode)?;
        if self.calls.is_closed() {
            return Err(Fault::closed());
        }
        Ok(operation)
    }

    fn lane(&self, lane: Lanes) -> &Lane {
        match lane {
            Lanes::Runs => &self.runs,
            Lanes::Short => &self.short,
            Lanes::Waits => &self.waits,
        }
    }

    fn dispatch(self: &Arc<Self>, id: &str, operation: Operation, responder: Responder, size: usize) {
        let (lane, job): (_, Job) = match operation {
            Operation::AtOnce(operation) => {
                let value = catch_unwind(AssertUnwindSafe(|| operation.run(self)));
                return responder.answer(value.unwrap_or_else(|_| Err(Fault::internal())));
            }
            // A panic drops the responder, which answers then.
            Operation::Wait(wait) => return wait.run(self, responder),
            Operation::Open(open) => {
                let lane = self.lane(open.lane());
                (lane, Box::new(move |engine, call, responder| open.run(engine, call, responder)))
            }
            Operation::Work(work) => {
                let lane = self.lane(work.lane());
                (lane, Box::new(move |engine, call, responder| run_to_the_end(work, engine, call, responder)))
            }
        };
        let call = match self.calls.register(id) {
            Ok(call) => call,
            Err(fault) => return responder.answer(Err(fault)),
        };
        call.queue(responder);
        let submitted = lane.submit(size, {
            let (engine, call) = (Arc::clone(self), Arc::clone(&call));
            Box::new(move || {
                if let Some(responder) = call.begin() {
                    let registered = Registered(call);
                    job(&engine, &registered.0, responder);
                }
            })
        });
        if let Err(fault) = submitted
            && let Some(responder) = call.begin()
        {
            responder.answer(call.finish(Err(fault)));
        }
    }
}

/// What a thread of the pool does for a call.
type Job = Box<dyn FnOnce(&Engine, &Call, Responder) + Send>;

fn run_to_the_end(work: Work, engine: &Engine, call: &Call, responder: Responder) {
    let may_be_left = work.may_be_left();
    let run = || {
        let value = catch_unwind(AssertUnwindSafe(|| work.run(engine, call)));
        value.unwrap_or_else(|_| Err(Fault::internal()))
    };
    if may_be_left {
        let _active = call.lend(responder);
        call.settle(run());
    } else {
        responder.answer(call.finish(run()));
    }
}

/// Takes a call out of the table, also when its operation panics.
struct Registered(Arc<Call>);

impl Drop for Registered {
    fn drop(&mut self) {
        // Finished already is what we want.
        self.0.finish(Ok(())).ok();
    }
}
