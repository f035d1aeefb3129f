//! Limits that a sandbox runs into without being ended by the kernel: one more process, file or byte is refused, and only
//! the program hears of it.
//!
//! Two uses. A run that fails after it ran into such a limit says so. And a sandbox that does nothing but ask for more
//! processes, as a fork bomb does, is ended before it has burnt its whole wall time.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use super::cgroup::Group;
use super::settings::Bounds;
use crate::outcome::Limit;

/// How much longer a sandbox may be refused processes than not.
const PATIENCE: Duration = Duration::from_secs(1);

/// What has been seen of one sandbox.
#[derive(Debug, Default)]
pub(super) struct Strain {
    /// The limits that it ran into.
    met: BTreeSet<Limit>,
    /// How much longer it was refused processes than not.
    refused: Duration,
    /// Refusals that the kernel had counted at the last look.
    counted: u64,
    /// Who was there at the last look.
    last: Vec<i32>,
}

impl Strain {
    /// Looks at the sandbox's processes, so long after the last look. Answers whether it is to be ended.
    pub(super) fn look(
        &mut self,
        members: Vec<i32>,
        since: Duration,
        bounds: &Bounds,
        group: Option<&Group>,
    ) -> bool {
        let full = members.iter().any(|pid| open_files(*pid) >= u64::from(bounds.open_files));
        self.meet(Limit::OpenFiles, full);
        let refused = match group {
            Some(group) => self.count(group),
            None => self.infer(&members, bounds),
        };
        self.last = members;
        self.meet(Limit::Pids, refused);
        self.refused =
            if refused { self.refused.saturating_add(since) } else { self.refused.saturating_sub(since) };
        self.refused >= PATIENCE
    }

    /// Whether the kernel has refused a process since the last look.
    fn count(&mut self, group: &Group) -> bool {
        let counted = group.refused_processes();
        std::mem::replace(&mut self.counted, counted) < counted
    }

    /// Without a cgroup nobody counts refusals. As many as may be is no proof: a program may need just so many. When they
    /// are others at every look and yet as many as may be, some are refused.
    fn infer(&self, members: &[i32], bounds: &Bounds) -> bool {
        let most = usize::try_from(bounds.pids).unwrap_or(usize::MAX);
        members.len() >= most && !self.last.is_empty() && *self.last != *members
    }

    /// The last look, when all processes are gone: `peak` is the most memory that it had, as far as anybody saw.
    ///
    /// A process that is refused memory by its own limit (`RLIMIT_DATA`) fails by itself; it had nearly all that it may.
    pub(super) fn conclude(&mut self, bounds: &Bounds, peak: u64, disk_is_full: bool, group: Option<&Group>) {
        let most = bounds.memory.saturating_sub(bounds.memory.div_euclid(16));
        self.meet(Limit::Memory, peak >= most);
        self.meet(Limit::Disk, disk_is_full);
        self.meet(Limit::Pids, group.is_some_and(|group| group.refused_processes() > 0));
    }

    fn meet(&mut self, limit: Limit, met: bool) {
        if met {
            self.met.insert(limit);
        }
    }

    /// The limit that it ran into; of several, the one that explains the others.
    pub(super) fn limit(&self) -> Option<Limit> {
        self.met.first().copied()
    }
}

/// How many files a process has open. The size of the folder says it since Linux 6.2; before that, the folder is read.
fn open_files(pid: i32) -> u64 {
    let folder = format!("/proc/{pid}/fd");
    match fs::metadata(&folder).map(|status| status.size()) {
        Ok(0) => fs::read_dir(&folder).map_or(0, |files| u64::try_from(files.count()).unwrap_or(u64::MAX)),
        Ok(count) => count,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::tests::bounds;

    /// Many looks at as many processes as may be; others each time, or the same.
    fn looks(strain: &mut Strain, rounds: i32, others: bool) -> bool {
        let bounds = Bounds { pids: 2, ..bounds() };
        let members = |round| if others { vec![-1, i32::MIN.saturating_add(round)] } else { vec![-1, -2] };
        (0..rounds).any(|round| strain.look(members(round), Duration::from_millis(25), &bounds, None))
    }

    #[test]
    fn as_many_processes_as_may_be_are_no_refusal_while_they_stay_the_same() {
        let mut strain = Strain::default();
        assert!(!looks(&mut strain, 1000, false));
        assert_eq!(strain.limit(), None);
        assert!(!looks(&mut strain, 10, true), "a quarter of a second");
        assert_eq!(strain.limit(), Some(Limit::Pids));
        assert!(!looks(&mut strain, 10, false), "which is forgiven");
        assert!(!looks(&mut strain, 35, true));
    }

    #[test]
    fn a_sandbox_that_is_refused_processes_for_a_second_is_ended() {
        assert!(looks(&mut Strain::default(), 50, true));
    }

    #[test]
    fn open_files_of_this_process_are_counted() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let before = open_files(pid);
        let kept: Vec<_> = (0..50).map(|_| fs::File::open("/dev/null").unwrap()).collect();
        assert!(open_files(pid) >= before.max(50), "{before} {}", kept.len());
        let mut strain = Strain::default();
        strain.look(vec![pid], Duration::ZERO, &Bounds { open_files: 40, ..bounds() }, None);
        assert_eq!(strain.limit(), Some(Limit::OpenFiles));
    }
}
