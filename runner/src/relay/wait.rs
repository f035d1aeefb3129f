//! Waiting for a descriptor, for a time, or for the end of the sandbox.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Why the wait is over without what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// The sandbox has ended.
    Ended,
    /// The time has come.
    Late,
    /// The kernel does not let us wait.
    Failed,
}

/// What is ready of some descriptors: as long as the list. `stopped` is readable, or closed at its other end, when the
/// sandbox has ended.
pub(crate) fn any(
    wanted: &[(BorrowedFd<'_>, PollFlags)],
    stopped: BorrowedFd<'_>,
    deadline: Option<Instant>,
) -> Result<Vec<PollFlags>, Over> {
    let end = (stopped, PollFlags::POLLIN);
    let mut entries: Vec<PollFd<'_>> =
        wanted.iter().chain([&end]).map(|(descriptor, flags)| PollFd::new(*descriptor, *flags)).collect();
    loop {
        let timeout = deadline.map_or(PollTimeout::NONE, |deadline| {
            // Rounded up: waking just before the time would spin.
            let left = deadline.saturating_duration_since(Instant::now());
            PollTimeout::try_from(left.saturating_add(Duration::from_micros(999))).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut entries, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(_) => return Err(Over::Failed),
        }
        let mut ready: Vec<PollFlags> =
            entries.iter().map(|entry| entry.revents().unwrap_or(PollFlags::POLLERR)).collect();
        if ready.pop().is_none_or(|end| !end.is_empty()) {
            return Err(Over::Ended);
        }
        if ready.iter().any(|flags| !flags.is_empty()) {
            return Ok(ready);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Over::Late);
        }
    }
}

/// Waits for one descriptor.
pub(crate) fn one(
    descriptor: BorrowedFd<'_>,
    flags: PollFlags,
    stopped: BorrowedFd<'_>,
    deadline: Instant,
) -> Result<(), Over> {
    any(&[(descriptor, flags)], stopped, Some(deadline)).map(drop)
}

/// A moment from now.
pub(crate) fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}
