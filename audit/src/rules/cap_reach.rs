//! What each Linux cap reaches.

/// Whoever has one of these has the host: each alone loads code into the kernel, or opens every file.
const TAKES_OVER: [&str; 6] = ["SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF", "SYS_BOOT"];

/// These change or read what is the host's, and help with the rest.
const REACHES: [&str; 10] = [
    "SYS_PTRACE",
    "NET_ADMIN",
    "SYS_TIME",
    "SYSLOG",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "AUDIT_CONTROL",
    "PERFMON",
    "CHECKPOINT_RESTORE",
    "SYS_RESOURCE",
];

/// These take the host's time, memory or locks from others.
const DENIES_SERVICE: [&str; 5] = ["SYS_NICE", "IPC_LOCK", "WAKE_ALARM", "BLOCK_SUSPEND", "LEASE"];

/// What a Linux cap reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CapReach {
    /// The whole host.
    TakesOver,
    /// What is the host's.
    Host,
    /// The host's service to others.
    Service,
    /// Only what is in the sandbox.
    Bounded,
}

/// What a Linux cap reaches, by its name without `CAP_`.
pub(super) fn reach_of(name: &str) -> CapReach {
    if TAKES_OVER.contains(&name) {
        CapReach::TakesOver
    } else if REACHES.contains(&name) {
        CapReach::Host
    } else if DENIES_SERVICE.contains(&name) {
        CapReach::Service
    } else {
        CapReach::Bounded
    }
}
