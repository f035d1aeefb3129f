//! An end before the end: a message for people and the exit code that goes with it.

use std::fmt;

use perry_sandbox_image::{ReadError, ResolveError, StoreError};
use perry_sandbox_pipeline::{Class, EnvironmentError, FileError, PipelineError};
use perry_sandbox_runner::SecretError;

use crate::exit::Exit;
use crate::output;

/// Why the command stops. Everything that is neither a `Stop` nor an error of the pipeline is [`Exit::Failure`].
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
    class_of(error).map_or(Exit::Failure, of_class)
}

/// Desks that a command asks itself give their own errors; the pipeline knows what kind each is.
fn class_of(error: &anyhow::Error) -> Option<Class> {
    if let Some(error) = error.downcast_ref::<PipelineError>() {
        return Some(error.class());
    }
    let is_no_mode = matches!(error.downcast_ref::<EnvironmentError>(), Some(EnvironmentError::Mode(_)));
    if error.is::<FileError>() || is_no_mode {
        return Some(Class::Usage);
    }
    let kinds = [
        error.downcast_ref::<ReadError>().map(Class::of_read),
        error.downcast_ref::<ResolveError>().map(Class::of_resolve),
        error.downcast_ref::<StoreError>().map(Class::of_store),
    ];
    kinds.into_iter().flatten().next()
}

/// The exit code for a kind of failure.
pub(crate) fn of_class(class: Class) -> Exit {
    match class {
        Class::Usage => Exit::Usage,
        Class::Denied => Exit::Denied,
        Class::NotVerified => Exit::NotVerified,
        Class::NotAvailable => Exit::NotAvailable,
        Class::ProgramNotFound => Exit::NotFound,
        Class::ProgramNotExecutable => Exit::CannotExecute,
        Class::NotFound | Class::Conflict | Class::Registry | Class::Failure => Exit::Failure,
    }
}

/// The whole chain of causes, without those that a message above already quotes; where flags would help, which.
pub(crate) fn message(error: &anyhow::Error) -> String {
    if let Some(PipelineError::Policy(refusals)) = error.downcast_ref::<PipelineError>() {
        return refusals.render(output::stderr_has_color());
    }
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message.push_str(": ");
            message.push_str(&cause);
        }
    }
    if let Some(flags) = error.downcast_ref::<PipelineError>().and_then(flags_for) {
        message.push_str(" (");
        message.push_str(flags);
        message.push(')');
    }
    message
}

fn flags_for(error: &PipelineError) -> Option<&'static str> {
    if matches!(error, PipelineError::NoPolicy | PipelineError::NoSigner) {
        return Some("--key, or --certificate-identity with --certificate-oidc-issuer, or --policy");
    }
    if matches!(error, PipelineError::Secrets(SecretError::Missing(_))) {
        return Some("--secret NAME=FILE");
    }
    matches!(error, PipelineError::OtherPolicy { .. }).then_some("--require-policy")
}
