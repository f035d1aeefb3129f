//! The one engine of the process.

use std::sync::{Arc, LazyLock};

use crate::engine::{Engine, variable};
use crate::tickets::Tickets;

/// Made at the first call, from the process's own environment.
static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(Engine::new(variable)));
static TICKETS: LazyLock<Tickets> = LazyLock::new(Tickets::default);

/// Answers a request on this thread. Never panics; the reply is always an envelope.
pub fn call_sync(request: &[u8]) -> String {
    ENGINE.call_sync(request)
}

/// Answers a request: `done` gets a ticket, exactly once, from whatever thread, perhaps before this returns. The reply
/// waits under the ticket until it is taken.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the request is handed over: a caller's buffer may move meanwhile"
)]
pub fn call(request: Vec<u8>, done: Box<dyn FnOnce(u32) + Send>) {
    ENGINE.call(&request, Box::new(move |reply| done(TICKETS.keep(reply))));
}

/// As [`call`], with the reply's text itself.
pub fn call_text(request: &[u8], done: Box<dyn FnOnce(String) + Send>) {
    ENGINE.call(request, done);
}

/// The reply under a ticket. One that is unknown or was taken before gives an error envelope with the code `TICKET`.
pub fn take(ticket: u32) -> String {
    TICKETS.take(ticket)
}

/// Cancels everything, waits for it, and refuses every later call; whether this was the first time.
pub fn close() -> bool {
    ENGINE.close().is_ok()
}
