//! What the process of a module and its runner tell each other while the module runs.

use std::fmt;
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::native::{exit_now, send};
use crate::outcome::{End, Limit};

/// The one answer of the process: how the module ended, or why it was not started.
///
/// INVARIANT: it is the last thing that the process does. A process that ends without one was ended by the kernel, and
/// its exit status says how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct WasmAnswer {
    /// How the module ended; nothing: it was not started.
    pub(crate) end: Option<End>,
    /// The limit that ended it, or that it ran into before it failed.
    pub(crate) limit: Option<Limit>,
    /// What went wrong.
    pub(crate) failure: Option<Failure>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Failure {
    /// What kind of failure.
    pub(crate) kind: FailureKind,
    /// For people. Words of the image are in it.
    pub(crate) text: String,
}

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FailureKind {
    /// The process could not be confined.
    Setup,
    /// The image has no such file.
    ModuleNotFound,
    /// The file cannot be read, or is none.
    ModuleUnreadable,
    /// The file is too large.
    ModuleTooLarge,
    /// The file is no WebAssembly module: native code, text, a component, or a broken module.
    NotAModule,
    /// The module imports what is not there, or exports no `_start`.
    ModuleUnfit,
    /// The module was started, and ended by a trap.
    Trap,
}

/// The longest text of a failure: parts of it are the image's.
const LONGEST_TEXT: usize = 2000;

impl Failure {
    pub(super) fn new(kind: FailureKind, text: impl fmt::Display) -> Self {
        let text: String = text.to_string().chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect();
        Self { kind, text }
    }

    /// The process could not be confined.
    pub(super) fn setup<E: fmt::Display>(tried: &str) -> impl FnOnce(E) -> Self {
        Self::of(FailureKind::Setup, tried)
    }

    /// A failure of this kind with what was tried and what came of it.
    pub(super) fn of<E: fmt::Display>(kind: FailureKind, tried: &str) -> impl FnOnce(E) -> Self {
        move |error| Self::new(kind, format_args!("{tried}: {error}"))
    }
}

/// What the runner may say meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct WasmSignal {
    /// A signal for the module, which can catch none: it ends as any program that does not.
    pub(crate) signal: i32,
}

impl WasmSignal {
    /// How a program that does not catch it ends; nothing where the kernel would not end it.
    pub(super) const fn end(self) -> Option<End> {
        let harmless = matches!(
            self.signal,
            libc::SIGCHLD
                | libc::SIGCONT
                | libc::SIGURG
                | libc::SIGWINCH
                | libc::SIGSTOP
                | libc::SIGTSTP
                | libc::SIGTTIN
                | libc::SIGTTOU
        );
        if harmless || self.signal < 1 || self.signal > 64 { None } else { Some(End::Killed(self.signal)) }
    }
}

/// Speaks once, and ends the process.
#[derive(Debug)]
pub(super) struct Speaker {
    control: UnixStream,
    turn: Mutex<()>,
}

impl Speaker {
    pub(super) const fn new(control: UnixStream) -> Self {
        Self { control, turn: Mutex::new(()) }
    }

    pub(super) const fn control(&self) -> &UnixStream {
        &self.control
    }

    /// Sends the answer, unless another thread does: then this one waits for the end of the process.
    pub(super) fn end(&self, answer: &WasmAnswer) -> ! {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = serde_json::to_vec(answer).unwrap_or_default();
        // A runner that is gone needs no answer.
        exit_now(i32::from(send(&self.control, &bytes, &[]).is_err()))
    }

    /// Nobody wants an answer any more.
    pub(super) fn leave(&self) -> ! {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        exit_now(1)
    }
}

impl WasmAnswer {
    pub(super) const fn ended(end: End, limit: Option<Limit>) -> Self {
        Self { end: Some(end), limit, failure: None }
    }

    /// Ended by a limit, as a sandbox of the kernel is.
    pub(super) const fn limited(limit: Limit) -> Self {
        Self::ended(End::Killed(libc::SIGKILL), Some(limit))
    }

    pub(super) const fn not_started(failure: Failure) -> Self {
        Self { end: None, limit: None, failure: Some(failure) }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn an_uncaught_signal_ends_a_program_and_a_harmless_one_does_not() {
        assert_eq!(WasmSignal { signal: libc::SIGTERM }.end(), Some(End::Killed(15)));
        assert_eq!(WasmSignal { signal: 34 }.end(), Some(End::Killed(34)));
        for signal in [libc::SIGCHLD, libc::SIGWINCH, libc::SIGTSTP, 0, -1, 65] {
            assert_eq!(WasmSignal { signal }.end(), None, "{signal}");
        }
    }

    #[test]
    fn a_failure_carries_no_control_characters_and_is_bounded() {
        let failure = Failure::new(FailureKind::NotAModule, format!("a\u{1b}[31m\n{}", "x".repeat(5000)));
        assert!(failure.text.starts_with("a[31mx"), "{}", failure.text);
        assert_eq!(failure.text.len(), LONGEST_TEXT);
    }
}
