//! Why a call has no value, as its reply says it.

use perry_sandbox_image::{ReadError, ResolveError, StoreError};
use perry_sandbox_pipeline::{Class, FileError, PipelineError};
use serde::Serialize;

use crate::code::Code;

/// An error reply: code, sentence, and what a program may want to know beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: Code,
    pub(crate) message: String,
    /// JSON.
    pub(crate) details: Option<String>,
}

impl Fault {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }

    /// Says nothing about our inside.
    pub(crate) fn internal() -> Self {
        Self::new(
            Code::Internal,
            "the library failed while it answered; nothing of the call goes on, and others are not affected",
        )
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(Code::Cancelled, "the call was cancelled")
    }

    pub(crate) fn closed() -> Self {
        Self::new(Code::Closed, "the engine was closed: nothing can be called any more in this process")
    }

    pub(crate) fn with(mut self, details: &impl Serialize) -> Self {
        self.details = serde_json::to_string(details).ok();
        self
    }
}

/// A message with all its causes, without those that a message above already quotes.
fn whole(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        next = cause.source();
    }
    message
}

/// The code for a kind of failure.
pub(crate) fn of_class(class: Class) -> Code {
    match class {
        Class::Usage => Code::BadRequest,
        Class::Denied => Code::Denied,
        Class::NotVerified => Code::NotVerified,
        Class::NotAvailable => Code::NotAvailable,
        Class::ProgramNotFound => Code::ProgramNotFound,
        Class::ProgramNotExecutable => Code::ProgramNotExecutable,
        Class::NotFound => Code::NotFound,
        Class::Conflict => Code::Conflict,
        Class::Registry => Code::Registry,
        Class::Failure => Code::Io,
    }
}

fn is_missing(error: &FileError) -> bool {
    matches!(error, FileError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

impl From<PipelineError> for Fault {
    fn from(error: PipelineError) -> Self {
        if let PipelineError::Policy(refusals) = &error {
            let details = serde_json::json!({ "refusals": crate::ops::refusals(refusals) });
            return Self::new(Code::BadPolicy, whole(&error)).with(&details);
        }
        let missing = matches!(&error, PipelineError::File(file) if is_missing(file));
        Self::new(if missing { Code::NotFound } else { of_class(error.class()) }, whole(&error))
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        let code = if is_missing(&error) { Code::NotFound } else { Code::BadRequest };
        Self::new(code, whole(&error))
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::new(of_class(Class::of_read(&error)), whole(&error))
    }
}

impl From<ResolveError> for Fault {
    fn from(error: ResolveError) -> Self {
        Self::new(of_class(Class::of_resolve(&error)), whole(&error))
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::new(of_class(Class::of_store(&error)), whole(&error))
    }
}
