//! How much memory a sandbox uses, summed from outside, where no cgroup counts it.
//!
//! Counted: resident pages and page tables of all processes, and what lies in the sandbox's own file systems. Not
//! counted, because nothing outside the kernel shows it: shared memory that no process has mapped (memfd, deleted files,
//! System V segments), what waits in pipes and sockets, and other memory of the kernel.

use std::fs::{self, OpenOptions};
use std::iter;
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
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
    /// Places inside, relative to the root, of the file systems that are memory.
    places: &'static [&'static str],
    /// Those file systems. Kept open: whoever shows them may be gone at the next look.
    rooms: Vec<fs::File>,
    /// How often in a row they could not be opened.
    missed: u32,
}

impl Meter {
    /// For a sandbox whose root has room of its own, or not.
    pub(crate) const fn new(own_room: bool) -> Self {
        // The same tmpfs as /tmp, at a place that no host folder covers. An overlay answers for the file system that it
        // writes to.
        let places: &[&str] = if own_room { &["dev/shm", ""] } else { &["dev/shm"] };
        Self { places, rooms: Vec::new(), missed: 0 }
    }

    /// Sums over process 1 of the sandbox and everything below it. Orphans inside belong to process 1 again. `full` is
    /// how much its file systems may hold. Those who joined it from outside are nobody's children inside.
    pub(crate) fn measure(&mut self, init: i32, joined: &[i32], (limit, full): (u64, u64)) -> Use {
        let members = members(init, joined);
        let files = self.files(init, full);
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
    fn files(&mut self, init: i32, full: u64) -> u64 {
        if self.rooms.is_empty() {
            self.rooms = rooms(init, self.places).unwrap_or_default();
            self.missed = if self.rooms.is_empty() { self.missed.saturating_add(1) } else { 0 };
        }
        match self.missed {
            0 => self.rooms.iter().map(|room| held(room, full)).fold(0, u64::saturating_add),
            // It may be ending at this moment.
            1 => 0,
            // SECURITY: what cannot be looked at counts as full.
            _ => full,
        }
    }
}

/// Opens places inside. A thread that has ended shows no root, so any thread of process 1 will do.
fn rooms(init: i32, places: &[&str]) -> Option<Vec<fs::File>> {
    folders(init).find_map(|folder| {
        let root = folder.join("root");
        // Without reading: the program may have made its folders unreadable.
        let open =
            |place| OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(root.join(place)).ok();
        places.iter().map(open).collect()
    })
}

/// Bytes of a tmpfs in use, and what the kernel keeps for each of its files.
fn held(room: &fs::File, full: u64) -> u64 {
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
fn with_memory(pid: i32) -> Option<(PathBuf, String)> {
    folders(pid).find_map(|folder| {
        let status = fs::read_to_string(folder.join("status")).ok()?;
        kilobytes(&status, "VmRSS:").map(|_| (folder, status))
    })
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Resident pages and page tables.
fn resident(pid: i32) -> u64 {
    with_memory(pid).map_or(0, |(_, status)| sum(kilobytes(&status, "VmRSS:"), &status))
}

fn sum(pages: Option<u64>, status: &str) -> u64 {
    let tables = kilobytes(status, "VmPTE:").unwrap_or(0);
    pages.unwrap_or(0).saturating_add(tables).saturating_mul(1024)
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
        assert!(Meter::new(false).measure(pid, &[], (u64::MAX, 0)).memory > 100_000);
        assert!(
            Meter::new(false).measure(pid, &[], (1, 0)).memory > 100_000,
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
        let uses = [u64::MAX, 1].map(|limit| Meter::new(false).measure(pid, &[], (limit, 0)).memory);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(in_time && uses.iter().all(|memory| *memory > 48 << 20), "{uses:?}");
    }

    #[test]
    fn file_systems_that_cannot_be_looked_at_count_as_full() {
        let mut meter = Meter::new(false);
        assert_eq!(meter.measure(-1, &[], (u64::MAX, 1 << 20)).memory, 0, "it may be ending");
        assert_eq!(meter.measure(-1, &[], (u64::MAX, 1 << 20)).memory, 1 << 20);
    }
}
