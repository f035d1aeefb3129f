//! What the parent needs from the kernel beyond the standard library: clone3, pidfds, waiting with resource use.
#![expect(
    unsafe_code,
    reason = "the kernel is reached by raw system calls: neither std nor nix has clone3 or waitid with usage"
)]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "registers: descriptors and process ids travel as machine words, as the kernel's ABI says"
)]

use core::mem::size_of;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use super::call::{self, Errno, NONE, Result, exclusive, fd, int, shared, sys};
use super::child::{self, Pointers};
use crate::native::steps::Step;

/// What [`clone_into`] needs.
pub(crate) struct CloneRequest<'a> {
    /// `CLONE_NEW*` flags.
    pub(crate) namespaces: u64,
    /// A v2 cgroup to be born in.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
    /// What the child does.
    pub(crate) steps: &'a [Step],
    /// Arguments and environment in the form that the kernel wants.
    pub(crate) pointers: &'a Pointers,
    /// Descriptors by slot.
    pub(crate) descriptors: child::Descriptors,
}

/// A child that has been cloned and is waiting at its first step.
#[derive(Debug)]
pub(crate) struct Cloned {
    /// Its process id in our namespace.
    pub(crate) pid: i32,
    /// A descriptor that stands for it and is readable when it is gone.
    pub(crate) pidfd: OwnedFd,
}

/// Clones a child into new namespaces, where it runs the steps and never returns here.
pub(crate) fn clone_into(request: &CloneRequest<'_>) -> Result<Cloned> {
    let mut pidfd: RawFd = -1;
    let mut flags = request.namespaces | libc::CLONE_PIDFD as u64;
    if request.cgroup.is_some() {
        /// `CLONE_INTO_CGROUP`: too large for the type that libc gives it.
        const INTO_CGROUP: u64 = 0x2_0000_0000;
        flags |= INTO_CGROUP;
    }
    // struct clone_args: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
    // set_tid_size, cgroup.
    let args: [u64; 11] = [
        flags,
        (&raw mut pidfd) as u64,
        0,
        0,
        libc::SIGCHLD as u64,
        0,
        0,
        0,
        0,
        0,
        request.cgroup.map_or(0, |cgroup| cgroup.as_raw_fd() as u64),
    ];
    // A handler of the host program must never run in the child: all signals are held until the child has reset them.
    let mask = call::swap_signal_mask(u64::MAX)?;
    let size = int(size_of::<[u64; 11]>() as i64);
    // JUSTIFICATION: fork(2) and posix_spawn cannot make namespaces or a pidfd, and glibc's fork runs handlers.
    // SAFETY: `args` has the layout of `struct clone_args`, as the size says, and leads to a live `pidfd`. Without
    // CLONE_VM and with no new stack the child has a copy of this memory, and it only runs `child::run`, which neither
    // allocates nor locks and never returns.
    let answer = unsafe { sys(libc::SYS_clone3, [shared(&args), size, NONE, NONE, NONE]) };
    if answer == Ok(0) {
        child::run(request.steps, request.pointers, &request.descriptors);
    }
    // Restoring a mask that the kernel has just given out cannot fail.
    let _ = call::swap_signal_mask(mask);
    let pid = answer? as i32;
    // JUSTIFICATION: the kernel has just made this descriptor; somebody must own it.
    // SAFETY: CLONE_PIDFD stored a new descriptor there.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Cloned { pid, pidfd })
}

/// Opens a descriptor for a process.
pub(crate) fn open_pidfd(pid: u32) -> Result<OwnedFd> {
    // JUSTIFICATION: std has no pidfd.
    // SAFETY: takes numbers only.
    let descriptor = unsafe { sys(libc::SYS_pidfd_open, [int(i64::from(pid)), NONE, NONE, NONE, NONE]) }?;
    // JUSTIFICATION: the kernel has just made this descriptor; somebody must own it.
    // SAFETY: it is new, so nobody else closes it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) })
}

/// How a process ended and what it used, with all that it waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exit {
    /// Exit code, when it was not killed.
    pub(crate) code: Option<i32>,
    /// The signal that killed it.
    pub(crate) signal: Option<i32>,
    /// Processor time in user mode.
    pub(crate) user: Duration,
    /// Processor time in the kernel.
    pub(crate) system: Duration,
    /// The largest resident set of one process, in bytes.
    pub(crate) largest_process: u64,
    /// That of whoever collected it. Until exec a process is a copy of who made it, and the kernel counts that copy.
    pub(crate) callers_largest: u64,
}

impl Exit {
    /// The largest resident set of one process, where it can only be the program's own.
    pub(crate) fn largest_of_program(&self) -> Option<u64> {
        (self.largest_process > self.callers_largest).then_some(self.largest_process)
    }
}

/// Collects a dead child. Blocks when it is not dead yet.
pub(crate) fn wait_exit(pidfd: BorrowedFd<'_>) -> Result<Exit> {
    // JUSTIFICATION: both types are unions or padded and have no constructor.
    // SAFETY: every field of `siginfo_t` is valid when zero.
    let mut status: libc::siginfo_t = unsafe { core::mem::zeroed() };
    // JUSTIFICATION: as above.
    // SAFETY: every field of `rusage` is valid when zero.
    let mut usage: libc::rusage = unsafe { core::mem::zeroed() };
    let (kind, options) = (i64::from(libc::P_PIDFD), i64::from(libc::WEXITED));
    loop {
        // JUSTIFICATION: the C library's waitid gives no resource use.
        // SAFETY: both out-arguments have the types that the kernel fills in.
        let answer = unsafe {
            sys(
                libc::SYS_waitid,
                [
                    int(kind),
                    fd(pidfd.as_raw_fd()),
                    exclusive(&mut status),
                    int(options),
                    exclusive(&mut usage),
                ],
            )
        };
        match answer {
            Ok(_) => break,
            Err(Errno(libc::EINTR)) => {}
            Err(errno) => return Err(errno),
        }
    }
    // JUSTIFICATION: `siginfo_t` is a union behind accessor functions.
    // SAFETY: waitid filled in the member for SIGCHLD.
    let value = unsafe { status.si_status() };
    let exited = status.si_code == libc::CLD_EXITED;
    Ok(Exit {
        code: exited.then_some(value),
        signal: (!exited).then_some(value),
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
        largest_process: kibibytes(usage.ru_maxrss),
        callers_largest: getrusage(UsageWho::RUSAGE_SELF).map_or(0, |own| kibibytes(own.max_rss())),
    })
}

/// Whether the process of a pidfd is gone.
pub(crate) fn peek_exited(pidfd: BorrowedFd<'_>) -> bool {
    call::is_readable(pidfd.as_raw_fd()) != Ok(false)
}

fn kibibytes(count: libc::c_long) -> u64 {
    u64::try_from(count).unwrap_or(0).saturating_mul(1024)
}

fn time(value: libc::timeval) -> Duration {
    let whole = Duration::from_secs(u64::try_from(value.tv_sec).unwrap_or(0));
    whole.saturating_add(Duration::from_micros(u64::try_from(value.tv_usec).unwrap_or(0)))
}

/// Sets the size of a terminal.
pub(crate) fn set_window(master: BorrowedFd<'_>, rows: u16, columns: u16) -> Result<()> {
    call::set_window_size(master.as_raw_fd(), rows, columns)
}

/// While it lives, writing to a closed pipe is an error for this thread and nothing else. A Rust program ignores SIGPIPE,
/// but a library's host may not, and would be killed by a sandbox that closes its input.
#[derive(Debug)]
pub(crate) struct NoBrokenPipeSignal {
    before: u64,
}

/// SIGPIPE's bit in a mask.
const BROKEN_PIPE: u64 = 1 << (libc::SIGPIPE - 1);

impl NoBrokenPipeSignal {
    /// Holds the signal back.
    pub(crate) fn new() -> Result<Self> {
        let before = call::swap_signal_mask(u64::MAX)?;
        call::swap_signal_mask(before | BROKEN_PIPE)?;
        Ok(Self { before })
    }
}

impl Drop for NoBrokenPipeSignal {
    fn drop(&mut self) {
        if self.before & BROKEN_PIPE == 0 {
            call::forget_pending(BROKEN_PIPE);
        }
        // Restoring a mask that the kernel has given out cannot fail.
        let _ = call::swap_signal_mask(self.before);
    }
}

/// Whether this program was executed with more rights than its user has: set-id bits or file capabilities, or what else
/// makes the kernel set `AT_SECURE`, see getauxval(3).
pub(crate) fn is_privileged() -> bool {
    // JUSTIFICATION: std does not say; real and effective ids say nothing of file capabilities.
    // SAFETY: takes a number; the auxiliary vector is there before any constructor runs.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Owns a descriptor that has just been received over a socket: nix hands those out as numbers.
pub(crate) fn adopt(descriptor: RawFd) -> OwnedFd {
    // JUSTIFICATION: the kernel has just put this descriptor into our table; somebody must own it.
    // SAFETY: it came with this very message, so nobody else closes it.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}
