//! Every operation of this project behind one JSON envelope, for programs that are not written in Rust.
//!
//! A request is `{"v":1,"id":"7","op":"explain","args":{…}}`; its reply `{"v":1,"id":"7","ok":true,"value":…}` or
//! `{"v":1,"id":"7","ok":false,"error":{"code":"DENIED","status":403,"message":"…","details":…}}`. [`Code`] is the one
//! table of codes. [`call_sync`] answers on the caller's thread; [`call`] answers by a ticket, under which the reply
//! waits for [`take`].
//!
//! ```
//! let reply = perry_sandbox_ffi::call_sync(br#"{"v":1,"id":"7","op":"version"}"#);
//! assert!(reply.starts_with(r#"{"v":1,"id":"7","ok":true,"value":{"#));
//! let reply = perry_sandbox_ffi::call_sync(br#"{"v":1,"id":"8","op":"version","args":{"verbose":true}}"#);
//! assert!(reply.contains(r#""code":"BAD_REQUEST""#));
//! ```
//!
//! # What holds
//!
//! - A request with an unknown, missing or repeated field, or a value of another type, is refused before anything starts.
//! - Every request is answered exactly once, also when the library panics, and also when it is cancelled: then after its
//!   sandbox is gone.
//! - Nothing starts after [`close`], and when it has returned nothing runs.
//! - Sandboxes are started by a launcher process, never by a copy of the program: it is this program, executed again,
//!   and becomes a launcher before its `main` ([`launcher_hook`]). Where that is not possible nothing runs.
//! - No message, reply or trail has the value of a variable or a secret.

mod c;
mod calls;
mod code;
mod engine;
mod envelope;
mod fault;
mod lock;
mod ops;
mod process;
mod streams;
mod tickets;

pub use code::Code;
pub use engine::{Engine, launcher_hook, variable};
pub use process::{call, call_sync, call_text, close, take};

/// The names of all operations.
pub fn operations() -> impl Iterator<Item = &'static str> {
    ops::names()
}

/// Reads an envelope and the arguments of its operation as [`call`] does, and carries nothing out: for tests and fuzzing.
///
/// # Errors
/// The sentence that a reply would have, if the request is not sound.
#[doc(hidden)]
pub fn check_request(request: &[u8]) -> Result<(), String> {
    check(request, ops::Mode::Async)
}

/// The same as [`call_sync`] does.
///
/// # Errors
/// The sentence that a reply would have, if the request is not sound.
#[doc(hidden)]
pub fn check_request_sync(request: &[u8]) -> Result<(), String> {
    check(request, ops::Mode::Sync)
}

fn check(request: &[u8], mode: ops::Mode) -> Result<(), String> {
    let envelope::Request { id: _, op, args } =
        envelope::read(request).map_err(|(_, fault)| fault.message)?;
    ops::Operation::read(&op, args, mode).map(drop).map_err(|fault| fault.message)
}
