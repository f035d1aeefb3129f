//! System calls that wait for an answer: a filter that asks, and both ends of asking.
//!
//! [`listen`] runs between clone and exec: it allocates nothing. The rest is the supervisor's.
#![expect(
    unsafe_code,
    reason = "the kernel is reached by raw system calls: neither std nor nix has seccomp listeners"
)]
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "registers: numbers and descriptors travel as machine words, as the kernel's ABI says"
)]

use std::os::fd::{AsRawFd as _, BorrowedFd, RawFd};

use super::call::{self, Errno, NONE, Result, exclusive, fd, int, shared, sys};

/// First byte of a report: where a filter asks, as a descriptor beside it.
pub(crate) const REPORT_LISTENER: u8 = b'L';

/// `SECCOMP_FILTER_FLAG_NEW_LISTENER`.
const NEW_LISTENER: u64 = 1 << 3;
/// `SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`: once somebody has heard of a call, only a fatal signal interrupts the waiting.
/// Linux 5.19; without it a call is asked about again after a signal.
const WAIT_KILLABLE: u64 = 1 << 5;
/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
const CONTINUE: u32 = 1;

/// Loads a filter that asks, and sends out where it does. The filter lets this one message through, by its key; the
/// descriptor that stays here is closed by exec.
pub(super) fn listen(program: &[u64], key: u64, report: RawFd) -> Result<()> {
    let listener = match call::set_filter(program, NEW_LISTENER | WAIT_KILLABLE) {
        Err(Errno(libc::EINVAL)) => call::set_filter(program, NEW_LISTENER),
        other => other,
    }?;
    call::send_with_key(report, &[REPORT_LISTENER], Some(listener as RawFd), key)
}

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Notice {
    /// By which it is answered; no other call ever has it.
    pub(crate) id: u64,
    /// The call's number.
    pub(crate) number: u32,
    /// The audit value of its ABI.
    pub(crate) arch: u32,
    /// Its arguments, as they were in registers; they stay so until it is answered.
    pub(crate) args: [u64; 6],
}

/// The next call that waits. `None`: it does not wait any more.
pub(crate) fn next_notice(listener: BorrowedFd<'_>) -> Result<Option<Notice>> {
    // JUSTIFICATION: the type has no constructor, and the kernel refuses one that is not empty.
    // SAFETY: every field of the type is valid when zero.
    let mut notice: libc::seccomp_notif = unsafe { core::mem::zeroed() };
    let request = int(libc::SECCOMP_IOCTL_NOTIF_RECV as i64);
    let (descriptor, place) = (fd(listener.as_raw_fd()), exclusive(&mut notice));
    // JUSTIFICATION: nix has no safe wrapper for this request.
    // SAFETY: the request fills in one `struct seccomp_notif`, whose size is part of its number.
    match unsafe { sys(libc::SYS_ioctl, [descriptor, request, place, NONE, NONE]) } {
        Ok(_) => Ok(Some(Notice {
            id: notice.id,
            number: notice.data.nr.cast_unsigned(),
            arch: notice.data.arch,
            args: notice.data.args,
        })),
        // Its thread has died, or a signal has taken it away.
        Err(Errno(libc::ENOENT | libc::EINTR)) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Answers a call: it goes on, or fails with an error number. One that does not wait any more needs no answer.
pub(crate) fn reply(listener: BorrowedFd<'_>, id: u64, failure: Option<u16>) -> Result<()> {
    let (error, flags) = failure.map_or((0, CONTINUE), |errno| (i32::from(errno).saturating_neg(), 0));
    let answer = libc::seccomp_notif_resp { id, val: 0, error, flags };
    let request = int(libc::SECCOMP_IOCTL_NOTIF_SEND as i64);
    // JUSTIFICATION: nix has no safe wrapper for this request.
    // SAFETY: the request reads one `struct seccomp_notif_resp`, whose size is part of its number.
    match unsafe { sys(libc::SYS_ioctl, [fd(listener.as_raw_fd()), request, shared(&answer), NONE, NONE]) } {
        Ok(_) | Err(Errno(libc::ENOENT | libc::EINPROGRESS)) => Ok(()),
        Err(errno) => Err(errno),
    }
}
