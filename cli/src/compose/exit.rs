//! Exit codes that scripts can use.

use std::process::ExitCode;

use perry_sandbox_pipeline::{Answer, Class};

/// Why the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything that was asked is done.
    Done,
    /// We failed, or this machine lacks what is demanded.
    Failure,
    /// The command line, or a file named on it, cannot be used.
    Usage,
    /// An image is not verified.
    NotVerified,
    /// The policy refuses, or the file asks for what is never done.
    Refused,
    /// A step failed, and what was done before it is undone.
    RolledBack,
    /// The user asked to stop.
    Interrupted,
    /// The code of a program that was run.
    Code(u8),
}

impl Exit {
    /// The exit code for a wish that was not granted.
    pub(crate) fn of_answer(answer: &Answer<'_>) -> Self {
        match answer {
            Answer::NotAsked(_) | Answer::Decided(_) => Self::Refused,
            Answer::NotVerified(_) => Self::NotVerified,
            Answer::Broken(error) => Self::of_class(error.class()),
        }
    }

    /// The exit code for a kind of failure.
    pub(crate) const fn of_class(class: Class) -> Self {
        match class {
            Class::Usage => Self::Usage,
            Class::Denied => Self::Refused,
            Class::NotVerified => Self::NotVerified,
            // As a shell would end in the program's place.
            Class::ProgramNotFound => Self::Code(127),
            Class::ProgramNotExecutable => Self::Code(126),
            Class::NotAvailable | Class::NotFound | Class::Conflict | Class::Registry | Class::Failure => {
                Self::Failure
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::NotVerified => 4,
            Exit::RolledBack => 5,
            Exit::Interrupted => 130,
            Exit::Code(code) => code,
        })
    }
}
