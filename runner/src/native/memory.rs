//! How much memory a sandbox uses, summed from outside, where no cgroup counts it.
//!
//! Counted: resident and swapped pages and page tables of all processes, and what lies in the sandbox's own file systems. Not
//! counted, because nothing outside the kernel shows it: shared memory that no process has mapped (memfd, deleted files,
//! System V segments), what waits in pipes and sockets, and other memory of the kernel.

use std::fs;
use std::iter;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

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

/// Looks at one sandbox again and again.
#[derive(Debug)]
pub(crate) struct Meter {
    /// The sandbox's file systems that are memory, shown by its process 1 as it made them.
    rooms: Vec<OwnedFd>,
    /// How many there are.
    expected: usize,
}

impl Meter {
    /// For a sandbox with so many file systems of its own.
    pub(crate) const fn new(expected: usize) -> Self {
        Self { rooms: Vec::new(), expected }
    }

    /// One of them.
    pub(crate) fn add(&mut self, room: OwnedFd) {
        self.rooms.push(room);
    }

    /// Whether all of them are known.
    pub(crate) const fn is_complete(&self) -> bool {
        self.rooms.len() >= self.expected
    }

    /// Whether nothing more can be written to one of them.
    pub(crate) fn is_full(&self) -> bool {
        self.rooms.iter().filter_map(|room| fstatvfs(room.as_fd()).ok()).any(|status| {
            status.blocks_free() == 0 && status.blocks() > 0 || status.files_free() == 0 && status.files() > 0
        })
    }

    /// Sums over the processes of the sandbox. `full` is how much its file systems may hold.
    pub(crate) fn measure(&self, members: &[i32], (limit, full): (u64, u64)) -> Use {
        let files = self.files(full);
        let ticks = members.iter().map(|pid| ticks(*pid)).fold(0, u64::saturating_add);
        // Resident sets count shared pages once for each process: an upper bound that is cheap to read.
        let resident = members.iter().map(|pid| resident(*pid)).fold(files, u64::saturating_add);
        let memory = if resident > limit {
            members.iter().map(|pid| proportional(*pid)).fold(files, u64::saturating_add)
        } else {
            resident
        };
        Use { memory, ticks }
    }

    /// What lies in the sandbox's own file systems.
    fn files(&self, full: u64) -> u64 {
        if self.is_complete() {
            self.rooms.iter().map(|room| held(room, full)).fold(0, u64::saturating_add)
        } else {
            // SECURITY: what cannot be looked at counts as full.
            full
        }
    }
}

/// Bytes of a tmpfs in use, and what the kernel keeps for each of its files.
fn held(room: &OwnedFd, full: u64) -> u64 {
    /// About what an inode, its name and its place in the caches take.
    const INODE: u64 = 1024;
    let Ok(status) = fstatvfs(room.as_fd()) else { return full };
    let bytes = status.blocks().saturating_sub(status.blocks_free()).saturating_mul(status.fragment_size());
    let files = status.files().saturating_sub(status.files_free());
    bytes.saturating_add(files.saturating_mul(INODE))
}

/// The folders of /proc of a process and of its threads.
fn folders(pid: i32) -> impl Iterator<Item = PathBuf> {
    let own = PathBuf::from(format!("/proc/{pid}"));
    let tasks = own.join("task");
    let threads = iter::once_with(move || fs::read_dir(tasks).into_iter().flatten().flatten());
    iter::once(own).chain(threads.flatten().map(|thread| thread.path()))
}

/// Process 1 of the sandbox and everything below it. Orphans inside belong to process 1 again. Those who joined it from
/// outside are nobody's children inside.
pub(super) fn members(init: i32, joined: &[i32]) -> Vec<i32> {
    let mut found = vec![init];
    found.extend(joined.iter().filter(|pid| **pid != init));
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

/// Where in /proc the memory of a process is shown, and its status there. The main thread may have ended before the
/// others: it then shows none, and the others show the memory of all.
pub(crate) fn with_memory(pid: i32) -> Option<(PathBuf, String)> {
    folders(pid).find_map(|folder| {
        let status = fs::read_to_string(folder.join("status")).ok()?;
        kilobytes(&status, "VmRSS:").map(|_| (folder, status))
    })
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Resident and swapped pages, and page tables.
fn resident(pid: i32) -> u64 {
    with_memory(pid).map_or(0, |(_, status)| sum(kilobytes(&status, "VmRSS:"), &status))
}

fn sum(pages: Option<u64>, status: &str) -> u64 {
    let tables = kilobytes(status, "VmPTE:").unwrap_or(0);
    let swapped = kilobytes(status, "VmSwap:").unwrap_or(0);
    pages.unwrap_or(0).saturating_add(tables).saturating_add(swapped).saturating_mul(1024)
}

/// Shared pages divided among those who share them; falls back to the resident set.
fn proportional(pid: i32) -> u64 {
    let Some((folder, status)) = with_memory(pid) else { return 0 };
    let rollup = fs::read_to_string(folder.join("smaps_rollup")).unwrap_or_default();
    sum(kilobytes(&rollup, "Pss:").or_else(|| kilobytes(&status, "VmRSS:")), &status)
}

fn ticks(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in parentheses may hold anything; fields are counted behind it: utime is the 12th, then 3 more.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let times = fields.split_whitespace().skip(11).take(4);
    times.filter_map(|time| time.parse::<u64>().ok()).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    #[test]
    fn this_process_uses_something() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let meter = Meter::new(0);
        assert!(meter.measure(&members(pid, &[]), (u64::MAX, 0)).memory > 100_000);
        assert!(
            meter.measure(&members(pid, &[]), (1, 0)).memory > 100_000,
            "counted exactly above the limit"
        );
    }

    #[test]
    fn a_program_whose_main_thread_has_ended_is_counted() {
        let program = format!(
            "import ctypes, threading, time\nkept = b'x' * (48 << 20)\n\
             threading.Thread(target=time.sleep, args=(20,)).start()\n\
             ctypes.CDLL(None).syscall({}, 0)",
            libc::SYS_exit
        );
        let Ok(mut child) = Command::new("python3").args(["-c", &program]).stderr(Stdio::null()).spawn()
        else {
            perry_sandbox_testkit::skip("no python3");
            return;
        };
        let pid = i32::try_from(child.id()).unwrap();
        let ended = || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            status.contains("State:\tZ") && fs::read_dir(format!("/proc/{pid}/task")).unwrap().count() > 1
        };
        let in_time = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(25));
            ended()
        });
        let uses = [u64::MAX, 1].map(|limit| Meter::new(0).measure(&members(pid, &[]), (limit, 0)).memory);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(in_time && uses.iter().all(|memory| *memory > 48 << 20), "{uses:?}");
    }

    #[test]
    fn file_systems_that_cannot_be_looked_at_count_as_full() {
        assert_eq!(Meter::new(1).measure(&[], (u64::MAX, 1 << 20)).memory, 1 << 20);
        assert_eq!(Meter::new(0).measure(&[], (u64::MAX, 1 << 20)).memory, 0);
    }
}
