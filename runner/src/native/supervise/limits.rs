//! Limits that are looked at from outside: processes, memory and processor time.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use super::super::memory::members;
use super::super::observer::Observer;
use super::super::sys::peek_exited;
use super::{Counting, GRACE, Watch, after};
use crate::outcome::Limit;

/// From one look to the next, where memory is summed here.
const EVERY: Duration = Duration::from_millis(25);
/// The same where the kernel counts.
const SELDOM: Duration = Duration::from_millis(100);

impl Watch<'_> {
    pub(super) fn look(&mut self) {
        let (Some(next), Some((pid, pidfd))) = (self.next_look, &self.running.process) else { return };
        if !self.is_watched()
            || self.ended.exit.is_some()
            || Instant::now() < next
            || peek_exited(pidfd.as_fd())
        {
            return;
        }
        let (members, group) = match self.counting {
            Counting::Kernel(group) => (group.members(), Some(group)),
            Counting::Us => (members(*pid, &self.observer.map(Observer::joined).unwrap_or_default()), None),
            Counting::Others => return,
        };
        let hit = if group.is_none() { self.sum(&members) } else { None };
        let pace = if group.is_none() { EVERY } else { SELDOM };
        self.next_look = Some(after(pace));
        let refused = self.strain.look(members, pace, self.bounds, group);
        if let Some(limit) = hit.or(refused.then_some(Limit::Pids)) {
            self.stop(limit);
        }
    }

    /// Sums up memory and processor time; answers the limit that was hit.
    fn sum(&mut self, members: &[i32]) -> Option<Limit> {
        let mut now = self.meter.measure(members, (self.bounds.memory, self.bounds.disk));
        now.ticks = now.ticks.saturating_add(self.observer.map_or(0, Observer::spent));
        self.ended.peak.memory = self.ended.peak.memory.max(now.memory);
        self.ended.peak.ticks = self.ended.peak.ticks.max(now.ticks);
        if now.memory > self.bounds.memory {
            Some(Limit::Memory)
        } else if now.ticks > self.cpu_budget() {
            Some(Limit::Cpu)
        } else {
            None
        }
    }

    /// Processor time for the whole run: the share times the longest run, in hundredths of a second.
    fn cpu_budget(&self) -> u64 {
        self.bounds.wall.as_secs().saturating_mul(u64::from(self.bounds.milli_cpu)).div_euclid(10)
    }

    pub(super) fn stop(&mut self, limit: Limit) {
        self.ended.limit.get_or_insert(limit);
        self.closing = Some(after(GRACE));
        self.kill();
    }
}
