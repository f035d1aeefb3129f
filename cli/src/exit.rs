//! Exit codes that scripts can use (DESIGN.md §6).

use std::process::ExitCode;

/// Why the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked is done.
    Done,
    /// The answer is no: files differ from the canonical form, the store or the trail is damaged.
    Differs,
    /// The command line or a file named on it cannot be used.
    Usage,
    /// There was nothing to audit.
    NoInputs,
    /// The policy denies it.
    Denied,
    /// The image is not verified.
    NotVerified,
    /// No backend here gives the isolation or a control that the policy demands.
    NotAvailable,
    /// The program was killed at a limit other than time.
    LimitHit,
    /// The program was killed when its time ran out.
    TimeOut,
    /// We failed.
    Failure,
    /// The program exists but cannot be executed.
    CannotExecute,
    /// The program was not found in the image.
    NotFound,
    /// The program's own exit code, passed through.
    Program(u8),
    /// The program died of this signal.
    Signal(u8),
}

impl Exit {
    /// The number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Differs => 1,
            Self::Usage => 2,
            Self::NoInputs => 3,
            Self::Denied => 120,
            Self::NotVerified => 121,
            Self::NotAvailable => 122,
            Self::LimitHit => 123,
            Self::TimeOut => 124,
            Self::Failure => 125,
            Self::CannotExecute => 126,
            Self::NotFound => 127,
            Self::Program(code) => code,
            Self::Signal(signal) => signal.saturating_add(128),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
