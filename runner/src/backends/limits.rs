//! The plan's limits in the words that engines and runtimes share.

use perry_sandbox_policy::{ByteSize, LaunchPlan};

/// How many bytes a program may lock in memory, and how many signals may wait for it.
const LOCKED: u64 = 65_536;
const WAITING_SIGNALS: u64 = 1024;

/// What can be written to: two folders that share what the plan gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Writable {
    /// The size of `/tmp`, in bytes.
    pub(super) tmp: u64,
    /// The size of `/dev/shm`.
    pub(super) shm: u64,
}

impl Writable {
    pub(super) fn of(plan: &LaunchPlan) -> Self {
        let all = plan.tmp.bytes().min(plan.limits.disk.bytes());
        let shm = plan.system.shm.map_or_else(|| all.div_euclid(4), ByteSize::bytes);
        // SECURITY: to the kernel 0 is no bound.
        Self { tmp: all.saturating_sub(shm).max(4096), shm: shm.max(4096) }
    }
}

/// Each limit of a process by the name that it has in `--ulimit`. How many processes a user may have depends on who else of
/// the host is counted as that user, so every backend says it.
pub(super) fn ulimits(plan: &LaunchPlan, processes: u32) -> [(&'static str, u64); 7] {
    [
        ("nofile", u64::from(plan.limits.open_files.get())),
        ("nproc", u64::from(processes)),
        ("fsize", plan.limits.disk.bytes()),
        ("core", 0),
        ("memlock", LOCKED),
        ("msgqueue", 0),
        ("sigpending", WAITING_SIGNALS),
    ]
}

/// Flags of a `run`, and their values: podman and nerdctl take the same.
pub(super) fn flags(plan: &LaunchPlan) -> Vec<(&'static str, String)> {
    let limits = &plan.limits;
    let memory = format!("{}b", limits.memory.bytes());
    let milli = limits.cpu.0.get();
    let cpus = format!("{}.{:03}", milli.div_euclid(1000), milli.rem_euclid(1000));
    let ulimits = ulimits(plan, limits.pids.get());
    let ulimits = ulimits.map(|(name, value)| ("ulimit", format!("{name}={value}:{value}")));
    [("shm-size", format!("{}b", Writable::of(plan).shm))]
        .into_iter()
        .chain(ulimits)
        .chain([("memory", memory.clone()), ("memory-swap", memory), ("cpus", cpus)])
        .chain([("pids-limit", limits.pids.get().to_string())])
        .collect()
}
