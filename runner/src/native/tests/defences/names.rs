//! Names of checks that fall together. A path or call that this machine does not have is left out where rows are compared.

/// Refused by the filter alone: the kernel itself would let anybody in.
pub(super) const BY_FILTER: &[&str] = &[
    "seccomp-mode",
    "call-unshare-newuser",
    "call-setns",
    "call-mount",
    "call-umount2",
    "call-chroot",
    "call-fsconfig",
    "call-mount-setattr",
    "call-add-key",
    "call-request-key",
    "call-keyctl",
    "call-bpf",
    "call-perf-event-open",
    "call-io-uring-setup",
    "call-io-uring-enter",
    "call-io-uring-register",
    "call-open-by-handle-at",
    "call-name-to-handle-at",
    "call-ptrace",
    "call-process-vm-readv",
    "call-process-vm-writev",
    "call-kcmp",
    "call-pidfd-getfd",
    "call-process-madvise",
    "call-quotactl",
    "call-clock-settime",
    "call-clock-adjtime",
    "call-adjtimex",
    "call-vmsplice",
    "call-mbind",
    "call-move-pages",
    "call-migrate-pages",
    "call-personality-no-random",
    "call-ustat",
    "call-sysfs",
    "call-modify-ldt",
    "call-mknod-device",
    "call-clone-newuser",
    "call-clone3-newuser",
    "call-lsm-set-self-attr",
    "call-memfd-secret",
    "socket-vsock",
    "socket-netlink-netfilter",
    "socket-netlink-audit",
    "socket-netlink-kobject",
    "socket-netlink-crypto",
    "ioctl-tiocsti",
    "ioctl-tiocsti-high-bits",
    "ioctl-tioclinux",
    "ioctl-tioclinux-high-bits",
    "abi-int80",
];

/// Refused by the filter, and to whoever has no Linux caps in the sandbox's own namespaces.
pub(super) const BY_FILTER_AND_CAPS: &[&str] = &[
    "call-unshare-newns",
    "call-unshare-newnet",
    "call-pivot-root",
    "call-open-tree",
    "call-move-mount",
    "call-fsopen",
    "call-fsmount",
    "call-fspick",
    "call-reboot",
    "call-sethostname",
    "call-setdomainname",
    "call-clone-newns",
    "socket-packet",
    "socket-xdp",
    "socket-raw-ip",
    "socket-raw-ip6",
    "new-mount-namespace",
    "new-pid-namespace",
    "new-net-namespace",
    "new-ipc-namespace",
    "new-uts-namespace",
    "new-cgroup-namespace",
];

/// Refused by the filter, and to whoever is not root of the host.
pub(super) const BY_FILTER_AND_USERS: &[&str] = &[
    "call-userfaultfd",
    "call-kexec-load",
    "call-kexec-file-load",
    "call-init-module",
    "call-finit-module",
    "call-delete-module",
    "call-syslog",
    "call-swapon",
    "call-swapoff",
    "call-acct",
    "call-iopl",
    "call-ioperm",
    "call-settimeofday",
    "call-vhangup",
    "call-lookup-dcookie",
    "call-fanotify-init",
    "call-uselib",
    "call-nfsservctl",
    "call-map-shadow-stack",
    "socket-alg",
    "socket-bluetooth",
    "socket-can",
    "socket-tipc",
    "socket-rds",
    "socket-key",
    "socket-smc",
    "nice-below-zero",
    "realtime",
];

/// The host's network: its interfaces, and whatever answer comes from elsewhere.
pub(super) const CONNECTED: &[&str] = &[
    "interfaces",
    "routes",
    "connect-198.51.100.1:80",
    "connect-169.254.169.254:80",
    "connect-[2001:db8::1]:80",
];

/// Every set of Linux caps.
pub(super) const CAPS: &[&str] =
    &["caps-CapInh", "caps-CapPrm", "caps-CapEff", "caps-CapBnd", "caps-CapAmb", "bounding-set-empty"];

/// Hidden by masks from everybody.
pub(super) const HIDDEN: &[&str] = &[
    "hidden-/proc/keys",
    "hidden-/proc/key-users",
    "hidden-/proc/kallsyms",
    "hidden-/proc/interrupts",
    "hidden-/proc/iomem",
    "hidden-/proc/ioports",
    "hidden-/proc/config.gz",
    "hidden-/proc/cmdline",
    "hidden-/proc/version",
    "hidden-/proc/swaps",
];

/// Hidden by masks, and readable by root of the host only.
pub(super) const HIDDEN_FROM_ROOT: &[&str] = &[
    "hidden-/proc/kcore",
    "hidden-/proc/kmsg",
    "hidden-/proc/timer_list",
    "hidden-/proc/timer_stats",
    "hidden-/proc/kpagecount",
    "hidden-/proc/kpageflags",
    "hidden-/proc/sched_debug",
    "hidden-/proc/slabinfo",
    "hidden-/proc/vmallocinfo",
    "hidden-/proc/modules",
    "hidden-/proc/mtrr",
    "hidden-/proc/latency_stats",
    "empty-/proc/acpi",
    "empty-/proc/scsi",
    "empty-/proc/asound",
    "empty-/proc/driver",
];

/// Files of /proc that change the host.
pub(super) const KNOBS: &[&str] = &[
    "write-/proc/sysrq-trigger",
    "write-/proc/sys/kernel/core_pattern",
    "write-/proc/sys/kernel/modprobe",
    "write-/proc/sys/kernel/hostname",
    "write-/proc/sys/kernel/randomize_va_space",
    "write-/proc/sys/vm/overcommit_memory",
    "write-/proc/sys/vm/drop_caches",
    "write-/proc/sys/fs/binfmt_misc/register",
    "write-/proc/sys/fs/protected_symlinks",
    "write-/proc/sys/net/ipv4/ip_forward",
    "write-/proc/irq/default_smp_affinity",
];

/// Folders of /sys that tell of the host.
pub(super) const SYS: &[&str] = &[
    "hidden-/sys/kernel/vmcoreinfo",
    "empty-/sys/firmware",
    "empty-/sys/kernel/debug",
    "empty-/sys/devices/virtual/powercap",
    "empty-/sys/fs/cgroup",
    "empty-/sys/kernel/security",
];

/// Files of /sys that change the host.
pub(super) const SYS_KNOBS: &[&str] = &[
    "write-/sys/kernel/uevent_helper",
    "write-/sys/fs/cgroup/release_agent",
    "write-/sys/fs/cgroup/memory/cgroup.procs",
    "write-/sys/fs/cgroup/cgroup.procs",
    "write-/sys/power/state",
];

/// Mounts of /proc that nobody may write to.
pub(super) const READ_ONLY: &[&str] =
    &["mount-/proc/sys-ro", "mount-/proc/bus-ro", "mount-/proc/fs-ro", "mount-/proc/irq-ro"];

/// Every limit of one process.
pub(super) const LIMITED: &[&str] = &[
    "rlimit-core",
    "rlimit-core-raise",
    "rlimit-nofile",
    "rlimit-nofile-raise",
    "rlimit-nproc",
    "rlimit-nproc-raise",
    "rlimit-memlock",
    "rlimit-memlock-raise",
    "rlimit-msgqueue",
    "rlimit-msgqueue-raise",
    "rlimit-sigpending",
    "rlimit-sigpending-raise",
    "rlimit-fsize",
    "rlimit-fsize-raise",
    "file-flood",
    "locked-memory",
    "queue-of-messages",
    "fork-bomb",
    "memory-of-one-process",
];
