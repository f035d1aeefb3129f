//! Signals of the caller for a process that the kernel shields from them.
//!
//! The program is process 1 of its namespace, as under docker, and the kernel drops signals that process 1 does not
//! catch. The caller expects what happens outside: an uncaught SIGTERM ends the program. So the supervisor looks
//! whether it is caught, and ends the sandbox itself where it is not. The alternative, a small init as process 1,
//! would be a program of the host inside the sandbox, whose `/proc/1/exe` an attacker can open (CVE-2019-5736).

use std::fs;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use super::sys::signal_by_pidfd;

/// Reaches a sandbox that another program of the host runs for us, whose process is not the sandbox's own.
pub(crate) trait Hands: Sync {
    /// Sends its program a signal. One that it does not catch ends it.
    fn signal(&self, number: i32) -> Delivery;

    /// Ends it and everything in it. Asked once or more; does not wait.
    fn kill(&self);

    /// Whether its program has ended, where that can be seen before its engine says so.
    fn has_ended(&self) -> bool {
        false
    }
}

/// What became of a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The program's own affair.
    Sent,
    /// The program does not catch it, and it ends programs: the sandbox was killed.
    EndedInstead,
}

/// Sends a signal to process 1 of a sandbox, or does what its default action would be.
pub(crate) fn deliver(pid: i32, pidfd: BorrowedFd<'_>, number: i32) -> Delivery {
    let answer = stand_in(pid, pidfd, number);
    if answer == Delivery::Sent {
        // A process that is gone needs no signal.
        let _ = signal_by_pidfd(pidfd.as_raw_fd(), number);
    }
    answer
}

/// Does the default action of a signal that the kernel has sent, where process 1 is shielded from it.
pub(crate) fn stand_in(pid: i32, pidfd: BorrowedFd<'_>, number: i32) -> Delivery {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    if number == libc::SIGKILL || !ends_by_default(number) || is_handled(&status, number) {
        return Delivery::Sent;
    }
    // A process that is gone needs no signal.
    let _ = signal_by_pidfd(pidfd.as_raw_fd(), libc::SIGKILL);
    Delivery::EndedInstead
}

/// Whether a signal leaves this process alive that the kernel shields from it: it catches it, or it would end nobody.
pub(crate) fn is_handled_by(pid: i32, number: i32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    status.is_empty() || is_handled_with(&status, number)
}

/// The same for a process of which somebody else has told the masks, as lines of `/proc/PID/status`.
pub(crate) fn is_handled_with(status: &str, number: i32) -> bool {
    !ends_by_default(number) || is_handled(status, number)
}

/// Whether a mask of `/proc/PID/status` says that the signal is caught, ignored or held back.
fn is_handled(status: &str, number: i32) -> bool {
    let Some(bit) = u32::try_from(number).ok().and_then(|n| n.checked_sub(1)) else { return false };
    let masks = ["SigBlk:", "SigIgn:", "SigCgt:"];
    let has = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let mask = line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
        mask.checked_shr(bit).is_some_and(|rest| rest & 1 == 1)
    };
    masks.into_iter().any(has)
}

/// Whether the default action is to end the process.
fn ends_by_default(number: i32) -> bool {
    let harmless = [
        libc::SIGCHLD,
        libc::SIGCONT,
        libc::SIGURG,
        libc::SIGWINCH,
        libc::SIGSTOP,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
    ];
    !harmless.contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_by_signal_number() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\nSigCgt:\t0000000000004000\n";
        assert!(is_handled(status, libc::SIGTERM) && is_handled(status, libc::SIGHUP));
        assert!(!is_handled(status, libc::SIGINT) && !is_handled("", libc::SIGINT));
    }

    #[test]
    fn a_window_change_ends_nothing() {
        assert!(!ends_by_default(libc::SIGWINCH) && ends_by_default(libc::SIGTERM));
    }
}
