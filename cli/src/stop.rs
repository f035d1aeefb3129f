//! An end before the end: a message for people and the exit code that goes with it.

use std::fmt;

use perry_sandbox_image::{ReadError, ResolveError, StoreError, UnpackError};

use crate::exit::Exit;

/// Why the command stops. Everything that is not a `Stop` is [`Exit::Failure`].
#[derive(Debug)]
pub(crate) struct Stop {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What was tried, what was found, what to do; empty where everything was printed already.
    pub(crate) message: String,
}

impl Stop {
    /// Stops with that code and message.
    pub(crate) fn with(exit: Exit, message: impl fmt::Display) -> anyhow::Error {
        Self { exit, message: message.to_string() }.into()
    }

    /// The command line, or a file named on it, cannot be used.
    pub(crate) fn usage(message: impl fmt::Display) -> anyhow::Error {
        Self::with(Exit::Usage, message)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Stop {}

/// The exit code of an error that some desk gave.
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return stop.exit;
    }
    let content_fault = error.chain().any(|cause| {
        cause.downcast_ref::<ReadError>().is_some_and(ReadError::is_content_fault)
            || cause.downcast_ref::<ResolveError>().is_some_and(is_resolve_fault)
            || cause.downcast_ref::<UnpackError>().is_some_and(is_unpack_fault)
            || cause.downcast_ref::<StoreError>().is_some_and(is_store_fault)
    });
    if content_fault { Exit::NotVerified } else { Exit::Failure }
}

/// The whole chain of causes, without those that a message above already quotes.
pub(crate) fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    message
}

fn is_store_fault(error: &StoreError) -> bool {
    match error {
        StoreError::Read(error) => error.is_content_fault(),
        StoreError::Resolve(error) => is_resolve_fault(error),
        StoreError::Unpack(error) => is_unpack_fault(error),
        StoreError::Io { .. }
        | StoreError::NotOwn { .. }
        | StoreError::Busy { .. }
        | StoreError::Record { .. }
        | StoreError::Missing { .. }
        | _ => false,
    }
}

fn is_resolve_fault(error: &ResolveError) -> bool {
    if let ResolveError::Read(error) = error {
        return error.is_content_fault();
    }
    !matches!(error, ResolveError::NotFound { .. } | ResolveError::Platform { .. })
}

/// Everything that a layer is refused for; only what the disk or the network did is our failure.
fn is_unpack_fault(error: &UnpackError) -> bool {
    if let UnpackError::Read(error) = error {
        return error.is_content_fault();
    }
    !matches!(error, UnpackError::Io { .. } | UnpackError::Stopped)
}
