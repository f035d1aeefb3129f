//! Limits that the kernel holds for a sandbox as a whole: cgroup v2 where it is delegated, v1 as root.

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::settings::Bounds;

/// Where groups can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Room {
    /// One hierarchy; groups are made in this folder, whose children have memory, pids and cpu.
    V2(PathBuf),
    /// Three hierarchies, each with the folder that groups are made in.
    V1 { memory: PathBuf, pids: PathBuf, cpu: PathBuf },
    /// Nowhere: why, and what would help.
    Nowhere { why: String, remedy: String },
}

/// The groups of one sandbox. Serialised so that the next start can remove what a killed runner left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    v2: bool,
    /// The folders; on v1 those of memory, pids and cpu.
    folders: Vec<PathBuf>,
}

/// What the name of each of our groups starts with.
const PREFIX: &str = "perry-sandbox-";
/// How long a dying process may take from where it can be collected to where it has left its group.
const LEAVING: Duration = Duration::from_secs(3);
/// The controllers that a group needs.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

impl Room {
    /// Looks where this process may make groups.
    pub(crate) fn find() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        find_in(&own, &mounts)
    }

    /// Names the groups of one sandbox; nothing is made yet.
    pub(crate) fn plan(&self, name: &str) -> Option<Group> {
        let (v2, parents) = match self {
            Self::Nowhere { .. } => return None,
            Self::V2(parent) => (true, vec![parent]),
            Self::V1 { memory, pids, cpu } => (false, vec![memory, pids, cpu]),
        };
        let folders = parents.into_iter().map(|parent| parent.join(format!("{PREFIX}{name}"))).collect();
        Some(Group { v2, folders })
    }
}

fn find_in(own: &str, mounts: &str) -> Room {
    let controller = |wanted: &str| {
        let mut groups = hierarchies(own);
        groups.find_map(|(names, path)| names.split(',').any(|name| name == wanted).then_some(path))
    };
    let v1 = |name: &str| Some(mounted(mounts, "cgroup", name)?.join(controller(name)?));
    if let (Some(memory), Some(pids), Some(cpu)) = (v1("memory"), v1("pids"), v1("cpu")) {
        return if CONTROLLERS.iter().filter_map(|name| v1(name)).all(|folder| is_writable(&folder)) {
            Room::V1 { memory, pids, cpu }
        } else {
            nowhere(
                "this machine has cgroup v1, which only root may use",
                "boot with cgroup v2 (systemd.unified_cgroup_hierarchy=1), or run as root",
            )
        };
    }
    let Some((root, path)) = mounted(mounts, "cgroup2", "").zip(controller("")) else {
        return nowhere("no cgroup file system is mounted", "mount cgroup v2 at /sys/fs/cgroup");
    };
    // A group that holds processes cannot have limited children, so a sandbox's group stands beside ours or higher up.
    let above = Path::new(path).ancestors().skip(1).map(|path| root.join(path));
    above.into_iter().find(|folder| is_delegated(folder)).map_or_else(
        || {
            nowhere(
                "no cgroup above this process may be written with memory, pids and cpu handed down",
                "run inside a delegated unit: systemd-run --user --scope -p Delegate=yes",
            )
        },
        Room::V2,
    )
}

/// A process's groups: the controllers of each hierarchy, none for v2, and the path below its root.
fn hierarchies(own: &str) -> impl Iterator<Item = (&str, &str)> {
    own.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        Some((names, path.trim_start_matches('/')))
    })
}

/// Where a hierarchy with this controller is mounted.
fn mounted(mounts: &str, kind: &str, controller: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (left, right) = line.split_once(" - ")?;
        let mut right = right.split(' ');
        let (found, _, options) = (right.next()?, right.next()?, right.next()?);
        let has = controller.is_empty() || options.split(',').any(|name| name == controller);
        (found == kind && has).then(|| left.split(' ').nth(4).map(PathBuf::from)).flatten()
    })
}

/// All groups of a process. Without those that hold the limits it is in none that we could put somebody into.
fn groups_in(own: &str, mounts: &str) -> Option<Group> {
    let of = |names: &str, path: &str| {
        let (kind, first) = match names.split(',').next() {
            Some(first) if !first.is_empty() => ("cgroup", first),
            _ => ("cgroup2", ""),
        };
        Some(mounted(mounts, kind, first)?.join(path))
    };
    // A process is in nobody's group at the root of a hierarchy, and a path that leads out of our view leads anywhere.
    let is_its_own = |path: &str| !path.is_empty() && !path.split('/').any(|part| part == "..");
    let with = |wanted: &str| {
        let (names, path) =
            hierarchies(own).find(|(names, _)| names.split(',').any(|name| name == wanted))?;
        is_its_own(path).then(|| of(names, path)).flatten()
    };
    // Beside the first version the second one may be mounted, and holds none of the limits.
    let first = |name: &&str| hierarchies(own).any(|(names, _)| names.split(',').any(|known| known == *name));
    if !CONTROLLERS.iter().any(first) {
        return Some(Group { v2: true, folders: vec![with("")?] });
    }
    let limiting = CONTROLLERS.iter().map(|name| with(name)).collect::<Option<Vec<_>>>()?;
    let others =
        hierarchies(own).filter(|(_, path)| is_its_own(path)).filter_map(|(names, path)| of(names, path));
    let others: Vec<PathBuf> = others.filter(|folder| !limiting.contains(folder)).collect();
    Some(Group { v2: false, folders: limiting.into_iter().chain(others).collect() })
}

fn nowhere(why: &str, remedy: &str) -> Room {
    Room::Nowhere { why: why.to_owned(), remedy: remedy.to_owned() }
}

fn is_writable(folder: &Path) -> bool {
    nix::unistd::access(folder, nix::unistd::AccessFlags::W_OK).is_ok()
}

fn is_delegated(folder: &Path) -> bool {
    let handed = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
    let has = |wanted: &&str| handed.split_whitespace().any(|name| name == *wanted);
    CONTROLLERS.iter().all(has) && is_writable(folder) && is_writable(&folder.join("cgroup.procs"))
}

impl Group {
    /// The groups that somebody else has made around a process.
    pub(crate) fn around(pid: i32) -> io::Result<Self> {
        let own = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        groups_in(&own, &mounts).ok_or_else(|| {
            let why = format!("its control groups cannot be found: {}", own.replace('\n', " "));
            io::Error::new(io::ErrorKind::NotFound, why)
        })
    }

    /// Makes the groups, with their limits. On failure nothing of them is left.
    pub(crate) fn make(&self, bounds: &Bounds) -> io::Result<()> {
        let made = self.folders.iter().try_for_each(fs::create_dir).and_then(|()| self.limit(bounds));
        if made.is_err() {
            self.remove();
        }
        made
    }

    fn memory(&self) -> &Path {
        self.folders.first().map_or(Path::new(""), PathBuf::as_path)
    }

    fn pids(&self) -> &Path {
        self.folders.get(usize::from(!self.v2)).map_or(Path::new(""), PathBuf::as_path)
    }

    fn limit(&self, bounds: &Bounds) -> io::Result<()> {
        /// The period over which processor time is counted, in microseconds.
        const PERIOD: u64 = 100_000;
        let quota = u64::from(bounds.milli_cpu).saturating_mul(PERIOD).div_euclid(1000).max(1000);
        let (memory, pids) = (bounds.memory.to_string(), bounds.pids.to_string());
        let write = |folder: Option<&PathBuf>, file: &str, text: String| match folder {
            Some(folder) => put(&folder.join(file), &text),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        let [first, second, third] = [0, 1, 2].map(|n| self.folders.get(n));
        if self.v2 {
            write(first, "memory.max", memory)?;
            optional(write(first, "memory.swap.max", "0".to_owned()))?;
            optional(write(first, "memory.oom.group", "1".to_owned()))?;
            write(first, "pids.max", pids)?;
            return write(first, "cpu.max", format!("{quota} {PERIOD}"));
        }
        write(first, "memory.limit_in_bytes", memory.clone())?;
        // Only there when the kernel accounts for swap.
        optional(write(first, "memory.memsw.limit_in_bytes", memory))?;
        write(second, "pids.max", pids)?;
        write(third, "cpu.cfs_period_us", PERIOD.to_string())?;
        write(third, "cpu.cfs_quota_us", quota.to_string())
    }

    /// The folder to be born in, on v2.
    pub(crate) fn birth(&self) -> io::Result<Option<OwnedFd>> {
        if !self.v2 {
            return Ok(None);
        }
        self.folders.first().map(|folder| Ok(fs::File::open(folder)?.into())).transpose()
    }

    /// How many of them a process joins by itself.
    pub(crate) fn joined(&self) -> u8 {
        if self.v2 { 0 } else { u8::try_from(self.folders.len()).unwrap_or(u8::MAX) }
    }

    /// The files by which a process of one thread joins them, on v1.
    pub(crate) fn joins(&self) -> io::Result<Vec<OwnedFd>> {
        if self.v2 {
            return Ok(Vec::new());
        }
        let open = |folder: &PathBuf| fs::File::options().write(true).open(folder.join("tasks"));
        self.folders.iter().map(|folder| Ok(open(folder)?.into())).collect()
    }

    /// The files by which a whole process joins them.
    pub(crate) fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        let open = |folder: &PathBuf| fs::File::options().write(true).open(folder.join("cgroup.procs"));
        self.folders.iter().map(|folder| Ok(open(folder)?.into())).collect()
    }

    /// Whether nobody but root can have made them, or put processes into them.
    pub(crate) fn is_roots(&self) -> bool {
        let root = |path: &Path| fs::metadata(path).is_ok_and(|found| found.uid() == 0);
        self.folders.iter().all(|folder| root(folder) && root(&folder.join("cgroup.procs")))
    }

    /// Puts one more process under the limits.
    pub(crate) fn add(&self, pid: i32) -> io::Result<()> {
        self.folders.iter().try_for_each(|folder| put(&folder.join("cgroup.procs"), &pid.to_string()))
    }

    /// Whether the kernel has killed for memory.
    pub(crate) fn memory_was_hit(&self) -> bool {
        let file = if self.v2 { "memory.events" } else { "memory.oom_control" };
        counter(self.memory(), file, "oom_kill") > 0
    }

    /// How many processes and threads the kernel has refused.
    pub(crate) fn refused_processes(&self) -> u64 {
        counter(self.pids(), "pids.events", "max")
    }

    /// Who is in it.
    pub(crate) fn members(&self) -> Vec<i32> {
        let list = fs::read_to_string(self.pids().join("cgroup.procs")).unwrap_or_default();
        list.lines().filter_map(|pid| pid.parse().ok()).collect()
    }

    /// The most memory that was used at once, in bytes.
    pub(crate) fn peak(&self) -> Option<u64> {
        let file = if self.v2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
        fs::read_to_string(self.memory().join(file)).ok()?.trim().parse().ok()
    }

    /// Whether a process is in one of them.
    pub(crate) fn is_populated(&self) -> bool {
        let members = |folder: &PathBuf| fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
        self.folders.iter().any(|folder| !members(folder).is_empty())
    }

    /// Removes the groups, after killing what is still in them. Answers whether all are gone.
    pub(crate) fn remove(&self) -> bool {
        let is_ours = |folder: &&PathBuf| {
            folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX))
        };
        let begun = Instant::now();
        self.folders.iter().filter(is_ours).filter(|folder| !remove_folder(folder, begun)).count() == 0
    }
}

fn counter(folder: &Path, file: &str, name: &str) -> u64 {
    let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// Writes a file of the kernel's. Asked to create one that it lacks, it would say "permission denied" and not "not found".
fn put(file: &Path, text: &str) -> io::Result<()> {
    fs::File::options().write(true).truncate(true).open(file)?.write_all(text.as_bytes())
}

/// A file that some kernels lack.
fn optional(answer: io::Result<()>) -> io::Result<()> {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove_folder(folder: &Path, begun: Instant) -> bool {
    loop {
        match fs::remove_dir(folder) {
            Ok(()) => return true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return true,
            Err(_) => kill_all(folder),
        }
        if begun.elapsed() > LEAVING {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn kill_all(folder: &Path) {
    // One write kills all at once, which no fork can outrun. v1 has no such file, nor has v2 before Linux 5.14.
    if put(&folder.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for pid in members.lines().filter_map(|line| line.parse().ok()) {
        // 0 stands for a process of another pid namespace; it would mean our own group here.
        if pid > 1 {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests;
