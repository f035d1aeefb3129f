//! What goes in and out: streams, and a terminal in their place.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::tcgetpgrp;

use super::super::pump::{Pump, never_block};
use super::super::signals::{Hands, stand_in};
use super::super::start::tell;
use super::super::sys::{TERMINAL_TAKEN, set_window};
use super::{GRACE, Watch, after};
use crate::outcome::Limit;

/// How long an engine's program has from its start, or from the last that was typed, until the end of the input is typed.
const LINGER: Duration = Duration::from_millis(200);

impl Watch<'_> {
    pub(super) fn pass_in(&mut self) {
        if self.is_too_late_to_type() {
            self.running.inward = None;
        }
        let Some(pump) = &mut self.running.inward else { return };
        pump.turn(u64::MAX);
        if pump.take_interrupt() && self.interrupts() {
            self.signal(libc::SIGINT, stand_in);
        }
    }

    /// Types the end of the input once all before it has been typed.
    ///
    /// What podman's monitor has not read when the program ends makes the kernel reset its connection (`unix_release_sock`), and
    /// podman's client takes that for the end of the output, whatever was still to be read. So a program that ends by itself
    /// gets the time to.
    pub(super) fn see_off(&mut self) {
        let is_early = self.is_too_early_to_type();
        let Some(pump) = self.running.inward.as_mut().filter(|pump| pump.is_leaving() && !is_early) else {
            self.leaving = None;
            return;
        };
        let linger = if self.hands.is_some() { LINGER } else { Duration::ZERO };
        let due = *self.leaving.get_or_insert_with(|| after(linger));
        if Instant::now() >= due {
            pump.leave();
        }
    }

    /// Whether an engine's client has a terminal and no program behind it yet.
    pub(super) const fn is_too_early_to_type(&self) -> bool {
        self.hands.is_some() && self.master.is_some() && !self.executed
    }

    /// Whether there is a terminal and no program behind it any more, though the client is still there: see [`Self::see_off`].
    fn is_too_late_to_type(&self) -> bool {
        self.master.is_some() && self.hands.is_some_and(Hands::has_ended)
    }

    pub(super) fn pass_on(&mut self, number: usize) {
        let room = self.bounds.output.saturating_sub(self.passed);
        let Some(Some(pump)) = self.running.outward.get_mut(number) else { return };
        let (taken, over) = pump.turn(room);
        self.passed = self.passed.saturating_add(taken);
        let (failure, is_unread) = (pump.failure(), pump.is_unread());
        if let (Some(errno), None) = (failure, &self.ended.unwritable) {
            let name = if number == 0 { "standard output" } else { "standard error" };
            self.ended.unwritable = Some((name, errno.into()));
            self.closing = Some(after(GRACE));
            self.kill();
        } else if over {
            self.stop(Limit::Output);
        }
        if is_unread && number == 0 {
            self.hang_up();
        }
    }

    /// Nobody reads the terminal any more: it is gone, as it would be for a program on a user's own. A pipe tells that by itself.
    fn hang_up(&mut self) {
        if self.master.take().is_none() {
            return;
        }
        self.running.inward = None;
        if self.hands.is_some() {
            // An engine's client need not notice.
            self.kill();
        } else if !self.running.joined {
            // The kernel shields process 1 from what it does not catch.
            self.signal(libc::SIGHUP, stand_in);
        }
    }

    pub(super) fn open_screen(&mut self, master: OwnedFd) -> io::Result<()> {
        /// What a terminal takes for the end of its input.
        const END: u8 = 4;
        let Some(screen) = self.running.screen.take() else { return Ok(()) };
        // An engine's client has it with its size already.
        if self.hands.is_none() {
            let _ = set_window(master.as_fd(), screen.size.0, screen.size.1);
            tell(self.running.report.as_fd(), TERMINAL_TAKEN, None).map_err(io::Error::other)?;
        }
        never_block(&master)?;
        self.running.inward = Some(Pump::inward(screen.bytes, screen.source, master.try_clone()?, Some(END)));
        let [out, _] = &mut self.running.outward;
        *out = Some(Pump::outward(master.try_clone()?, screen.sink));
        self.master = Some(master);
        Ok(())
    }

    /// Whether ^C on the terminal goes to process 1, which the kernel shields from it when it does not catch it.
    fn interrupts(&self) -> bool {
        if self.running.joined {
            return false;
        }
        let (Some(master), Some((pid, _))) = (&self.master, &self.running.process) else { return false };
        let cooked = tcgetattr(master).is_ok_and(|mode| mode.local_flags.contains(LocalFlags::ISIG));
        cooked && tcgetpgrp(master).is_ok_and(|group| group.as_raw() == *pid)
    }

    /// Whether a reader has not taken all that a program wrote that joined and has ended. What others of the sandbox still write
    /// there is not waited for: a pipe holds no more than this.
    pub(super) fn is_behind(&self, now: Instant) -> bool {
        const LARGEST_PIPE: u64 = 1 << 20;
        let since = self.passed.saturating_sub(self.passed_at_end);
        self.running.joined
            && !self.given_up
            && self.ended.limit.is_none()
            && now < self.deadline()
            && since <= LARGEST_PIPE
            && self.running.outward.iter().flatten().any(Pump::is_behind)
    }

    pub(super) fn is_drained(&self) -> bool {
        self.executed && self.running.outward.iter().flatten().all(|pump| pump.interest().is_none())
    }
}
