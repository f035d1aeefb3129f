//! How much memory a sandbox uses, summed from outside, where no cgroup counts it.

use std::fs;
use std::os::fd::AsFd as _;

use nix::sys::statvfs::fstatvfs;

/// How many processes are looked at in one round; more than any sandbox may have.
const MOST: usize = 65_536;

/// What a sandbox uses right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Use {
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Hundredths of a second of processor time, of living processes and those that they have collected.
    pub(crate) ticks: u64,
}

/// Sums over process 1 of the sandbox and everything below it. Orphans inside belong to process 1 again.
pub(crate) fn measure(init: i32, limit: u64) -> Use {
    let members = members(init);
    let tmp = tmpfs_bytes(init);
    let ticks = members.iter().map(|pid| ticks(*pid)).fold(0, u64::saturating_add);
    // Resident sets count shared pages once for each process: an upper bound that is cheap to read.
    let resident = members.iter().map(|pid| resident(*pid)).fold(tmp, u64::saturating_add);
    let memory = if resident > limit {
        members.iter().map(|pid| proportional(*pid)).fold(tmp, u64::saturating_add)
    } else {
        resident
    };
    Use { memory, ticks }
}

fn members(init: i32) -> Vec<i32> {
    let mut found = vec![init];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        next = next.saturating_add(1);
        for child in children(pid) {
            if found.len() < MOST && !found.contains(&child) {
                found.push(child);
            }
        }
    }
    found
}

fn children(pid: i32) -> Vec<i32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn resident(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages.saturating_mul(page_size())
}

fn page_size() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u64::try_from(size).ok()).unwrap_or(4096)
}

/// Shared pages divided among those who share them; falls back to the resident set.
fn proportional(pid: i32) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return resident(pid) };
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.map_or_else(|| resident(pid), |kilobytes| kilobytes.saturating_mul(1024))
}

fn ticks(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; fields are counted behind it: utime is the 12th, then 3 more.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let times = fields.split_whitespace().skip(11).take(4);
    times.filter_map(|time| time.parse::<u64>().ok()).fold(0, u64::saturating_add)
}

/// What lies in the sandbox's own tmpfs.
fn tmpfs_bytes(init: i32) -> u64 {
    let Ok(folder) = fs::File::open(format!("/proc/{init}/root/tmp")) else { return 0 };
    let Ok(status) = fstatvfs(folder.as_fd()) else { return 0 };
    status.blocks().saturating_sub(status.blocks_free()).saturating_mul(status.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(measure(pid, u64::MAX).memory > 100_000);
        assert!(measure(pid, 1).memory > 100_000, "counted exactly above the limit");
    }
}
