//! The lists: a path, what stands there, and the reason. Sorted by path.

use super::{MaskKind, MaskedPath, ReadOnlyPath};

const fn file(path: &'static str, reason: &'static str) -> MaskedPath {
    MaskedPath { path, kind: MaskKind::File, reason }
}

const fn folder(path: &'static str, reason: &'static str) -> MaskedPath {
    MaskedPath { path, kind: MaskKind::Folder, reason }
}

const fn read_only(path: &'static str, reason: &'static str) -> ReadOnlyPath {
    ReadOnlyPath { path, reason }
}

#[rustfmt::skip]
pub(super) static MASKED: &[MaskedPath] = &[
    folder("/proc/acpi", "firmware tables and controls of the host's hardware"),
    folder("/proc/asound", "the host's sound devices"),
    file("/proc/buddyinfo", "the state of the host's page allocator, which heap attacks on the kernel are tuned by"),
    file("/proc/cmdline", "the host's boot line: disks, consoles, switched-off mitigations, sometimes secrets"),
    file("/proc/config.gz", "the host kernel's configuration tells which attacks will work"),
    folder("/proc/driver", "state of the host's drivers, such as its clock and graphics"),
    folder("/proc/dynamic_debug", "switches debug output of the host's kernel"),
    file("/proc/interrupts", "counts per device and cpu: a side channel on keystrokes and on other tenants"),
    file("/proc/iomem", "the host's physical memory map"),
    file("/proc/ioports", "the host's port map"),
    file("/proc/kallsyms", "the kernel's addresses and symbols; with kptr_restrict 0 they undo address randomisation"),
    file("/proc/kcore", "the host's memory"),
    file("/proc/key-users", "key quotas of the host's users; keyrings have no namespace"),
    file("/proc/keys", "keys of the host; keyrings have no namespace"),
    file("/proc/kmsg", "the host kernel's log"),
    file("/proc/kpagecgroup", "which group owns each page of the host's memory"),
    file("/proc/kpagecount", "how often each page of the host's memory is mapped"),
    file("/proc/kpageflags", "the state of each page of the host's memory"),
    file("/proc/latency_stats", "timing of the host's other programs"),
    file("/proc/modules", "the host's kernel modules, and with kptr_restrict 0 their addresses"),
    file("/proc/mtrr", "the host's physical memory types; writing them breaks the machine"),
    file("/proc/pagetypeinfo", "the state of the host's page allocator, which heap attacks on the kernel are tuned by"),
    file("/proc/sched_debug", "lists processes outside of the sandbox"),
    file("/proc/schedstat", "timing of the host's other programs"),
    folder("/proc/scsi", "the host's disks; writing to it removes them"),
    file("/proc/slabinfo", "the state of the kernel's heap, which heap attacks are tuned by"),
    file("/proc/softirqs", "counts per cpu: a side channel on other tenants"),
    file("/proc/swaps", "names the host's disks and files"),
    file("/proc/timer_list", "timers of processes outside of the sandbox, and kernel addresses"),
    file("/proc/timer_stats", "timers of processes outside of the sandbox"),
    file("/proc/version", "the host kernel's exact build and builder; uname still tells the release"),
    file("/proc/vmallocinfo", "the kernel's memory map"),
    file("/proc/zoneinfo", "the state of the host's page allocator, which heap attacks on the kernel are tuned by"),
    folder("/sys/devices/virtual/powercap", "energy counters: a side channel that recovers keys (PLATYPUS, CVE-2020-8694)"),
    folder("/sys/firmware", "firmware tables and variables of the host"),
    folder("/sys/fs/bpf", "the host's pinned BPF programs and maps"),
    folder("/sys/fs/pstore", "the host kernel's crash logs"),
    folder("/sys/fs/selinux", "the host's mandatory access control"),
    folder("/sys/kernel/debug", "debugfs reaches deep into the host's kernel"),
    file("/sys/kernel/notes", "addresses and the build id of the host's kernel (CVE-2024-26816)"),
    folder("/sys/kernel/security", "the host's security modules"),
    folder("/sys/kernel/slab", "the state of the kernel's heap, which heap attacks are tuned by"),
    folder("/sys/kernel/tracing", "tracefs reaches deep into the host's kernel"),
    file("/sys/kernel/vmcoreinfo", "the physical address of the kernel's notes"),
];

#[rustfmt::skip]
pub(super) static READ_ONLY: &[ReadOnlyPath] = &[
    read_only("/proc/bus", "device configuration space is written here"),
    read_only("/proc/fs", "file systems take settings here"),
    read_only("/proc/irq", "interrupts of the host are steered here"),
    read_only("/proc/sys", "sysctls: core_pattern and modprobe run programs of the writer's choice on the host"),
    read_only("/proc/sysrq-trigger", "one letter reboots or crashes the host"),
    read_only("/sys", "uevent_helper, devices and modules of the host are set here"),
];
