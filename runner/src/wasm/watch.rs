//! Ends the process when a limit is hit, when its runner says so, and when that is gone.
//!
//! The module can neither catch nor delay this: the whole process ends at once, be it in compiled code, in the compiler,
//! or in a call that waits. So the compiled code needs no checks of its own.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::Builder;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::statvfs::fstatvfs;
use nix::sys::time::TimeVal;

use super::answer::{Speaker, WasmAnswer, WasmSignal};
use crate::native::{Bounds, receive};
use crate::outcome::Limit;

/// How often the process is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Whoever looks.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) speaker: Arc<Speaker>,
    pub(super) limits: Bounds,
    pub(super) started: Instant,
    /// `/proc/self/statm`.
    pub(super) memory: File,
    pub(super) tmp: OwnedFd,
}

impl Watcher {
    /// Looks from now on, on a thread of its own.
    ///
    /// The thread is waited for: the C library ends a process whose new thread a filter of ours meets on its first steps.
    pub(super) fn start(self) -> io::Result<()> {
        let (here, there) = sync_channel(1);
        let run = move || {
            let heard = here.send(());
            if heard.is_err() {
                self.speaker.leave();
            }
            self.stay()
        };
        Builder::new().stack_size(256 << 10).spawn(run)?;
        there.recv().map_err(io::Error::other)
    }

    fn stay(&self) -> ! {
        loop {
            match self.hit() {
                Ok(Some(limit)) => self.speaker.end(&WasmAnswer::limited(limit)),
                Ok(None) => {}
                // SECURITY: what cannot be looked at is not held.
                Err(_) => self.speaker.leave(),
            }
            if self.hears() {
                self.obey();
            }
        }
    }

    fn hit(&self) -> io::Result<Option<Limit>> {
        if self.started.elapsed() >= self.limits.wall {
            return Ok(Some(Limit::Wall));
        }
        if cpu_time()? >= allowed(&self.limits) {
            return Ok(Some(Limit::Cpu));
        }
        Ok((self.memory()? > self.limits.memory).then_some(Limit::Memory))
    }

    /// Pages of this process that it has written, with the files in `/tmp`.
    fn memory(&self) -> io::Result<u64> {
        let mut text = [0; 128];
        let length = self.memory.read_at(&mut text, 0)?;
        let own = own_pages(text.get(..length).unwrap_or_default()).ok_or(io::ErrorKind::InvalidData)?;
        let room = fstatvfs(self.tmp.as_fd())?;
        let files = room.blocks().saturating_sub(room.blocks_free()).saturating_mul(room.fragment_size());
        Ok(own.saturating_mul(PAGE).saturating_add(files))
    }

    /// Waits for the runner to say something, for a tick.
    fn hears(&self) -> bool {
        let left = self.limits.wall.saturating_sub(self.started.elapsed());
        let patience = u16::try_from(left.min(TICK).as_millis()).unwrap_or(1).max(1);
        let mut entry = [PollFd::new(self.speaker.control().as_fd(), PollFlags::POLLIN)];
        poll(&mut entry, PollTimeout::from(patience)).is_ok_and(|ready| ready > 0)
    }

    fn obey(&self) {
        // A runner that is gone, or says what this process does not understand, has no use for it.
        let Ok(Some((bytes, _))) = receive(self.speaker.control()) else { self.speaker.leave() };
        let Ok(signal) = serde_json::from_slice::<WasmSignal>(&bytes) else { self.speaker.leave() };
        if let Some(end) = signal.end() {
            self.speaker.end(&WasmAnswer::ended(end, None));
        }
    }
}

/// Bytes of a page that `/proc/self/statm` counts in.
const PAGE: u64 = 4096;

/// The second and the third word: resident pages, and those of them that belong to files.
fn own_pages(statm: &[u8]) -> Option<u64> {
    let mut words = std::str::from_utf8(statm).ok()?.split_whitespace().skip(1);
    let resident: u64 = words.next()?.parse().ok()?;
    let of_files: u64 = words.next()?.parse().ok()?;
    Some(resident.saturating_sub(of_files))
}

/// The share of a processor, for as long as it may run.
fn allowed(limits: &Bounds) -> Duration {
    let milliseconds = limits.wall.as_millis().saturating_mul(u128::from(limits.milli_cpu)).div_euclid(1000);
    Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX))
}

fn cpu_time() -> io::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let time = |value: TimeVal| {
        let seconds = u64::try_from(value.tv_sec()).unwrap_or(0);
        Duration::from_secs(seconds).saturating_add(Duration::from_micros(value.tv_usec().unsigned_abs()))
    };
    Ok(time(usage.user_time()).saturating_add(time(usage.system_time())))
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn own_pages_are_the_resident_ones_without_those_of_files() {
        assert_eq!(own_pages(b"5000 900 600 40 0 300 0\n"), Some(300));
        assert_eq!(own_pages(b"5000 nine 600"), None);
        assert_eq!(own_pages(b""), None);
    }
}
