//! What a backend can hold: one [`Control`] for every kind of line in a plan, and who enforces it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::isolation::IsolationLevel;
use crate::names::BackendName;

/// One thing that a plan may demand and a backend must enforce. A missing entry in a [`ControlTable`] means: cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Own user, pid, mount, ipc, uts, cgroup and network namespaces (or a kernel of its own).
    Namespaces,
    /// All Linux caps dropped but the listed ones, in every set, and none can be gained.
    LinuxCaps,
    /// No new privileges at execve.
    NoNewPrivileges,
    /// The plan's own seccomp filter.
    Seccomp,
    /// Masked and read-only paths under /proc and /sys.
    MaskedPaths,
    /// Nothing of the sandbox is left at exit.
    RemovedAtExit,
    /// No network but an unconnected loopback.
    NoNetwork,
    /// A list of hosts and ports that may be reached, and nothing else.
    Egress,
    /// Joining networks of a compose project.
    ProjectNetworks,
    /// The network of another service's sandbox, over which this one has no power.
    SharedNetwork,
    /// Ports of the sandbox on the host.
    Publish,
    /// A read-only root file system.
    ReadOnlyRoot,
    /// A writable root file system, bounded, thrown away at exit.
    EphemeralRoot,
    /// A bounded /tmp.
    Tmp,
    /// Host folders, read-only.
    MountsRead,
    /// Host folders, writable.
    MountsWrite,
    /// Host folders, read-only, whose programs may be executed.
    MountsExec,
    /// Named volumes of the project.
    Volumes,
    /// Devices of the host.
    Devices,
    /// Only the plan's environment.
    Env,
    /// Secrets as files that only the sandbox can read.
    Secrets,
    /// Secrets and configs as files at places of their own, with modes of their own, which nobody changes or executes.
    Files,
    /// Such files that belong to other users than the sandbox's own.
    FileOwners,
    /// A given user and group.
    User,
    /// A memory limit that the kernel holds for the sandbox as a whole.
    MemoryExact,
    /// A memory limit per process, and a supervisor that sums and kills.
    MemoryWatched,
    /// A share of processor time.
    Cpu,
    /// A number of processes and threads.
    Pids,
    /// Time from start to kill.
    Wall,
    /// Bytes of output that are passed on.
    Output,
    /// Bytes that can be written to disk.
    Disk,
    /// Open files per process.
    OpenFiles,
    /// A terminal of its own.
    Terminal,
    /// A host name of its own.
    HostName,
    /// A domain name of its own.
    DomainName,
    /// Lines of its own in `/etc/hosts`.
    KnownHosts,
    /// Bounded folders of memory.
    MemoryFolders,
    /// A `/dev/shm` of a size of its own.
    SharedMemory,
    /// A small init as the first process.
    Init,
    /// Settings of the kernel that belong to namespaces of its own.
    Sysctls,
    /// Groups that its user is in besides.
    Groups,
    /// A raised score where the host has no memory left.
    OomScore,
}

impl Control {
    /// All of them.
    pub const ALL: [Self; 42] = [
        Self::Namespaces,
        Self::LinuxCaps,
        Self::NoNewPrivileges,
        Self::Seccomp,
        Self::MaskedPaths,
        Self::RemovedAtExit,
        Self::NoNetwork,
        Self::Egress,
        Self::ProjectNetworks,
        Self::SharedNetwork,
        Self::Publish,
        Self::ReadOnlyRoot,
        Self::EphemeralRoot,
        Self::Tmp,
        Self::MountsRead,
        Self::MountsWrite,
        Self::MountsExec,
        Self::Volumes,
        Self::Devices,
        Self::Env,
        Self::Secrets,
        Self::Files,
        Self::FileOwners,
        Self::User,
        Self::MemoryExact,
        Self::MemoryWatched,
        Self::Cpu,
        Self::Pids,
        Self::Wall,
        Self::Output,
        Self::Disk,
        Self::OpenFiles,
        Self::Terminal,
        Self::HostName,
        Self::DomainName,
        Self::KnownHosts,
        Self::MemoryFolders,
        Self::SharedMemory,
        Self::Init,
        Self::Sysctls,
        Self::Groups,
        Self::OomScore,
    ];
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Namespaces => "namespaces",
            Self::LinuxCaps => "linux-caps",
            Self::NoNewPrivileges => "no-new-privileges",
            Self::Seccomp => "seccomp",
            Self::MaskedPaths => "masked-paths",
            Self::RemovedAtExit => "removed-at-exit",
            Self::NoNetwork => "no-network",
            Self::Egress => "egress",
            Self::ProjectNetworks => "project-networks",
            Self::SharedNetwork => "shared-network",
            Self::Publish => "publish",
            Self::ReadOnlyRoot => "read-only-root",
            Self::EphemeralRoot => "ephemeral-root",
            Self::Tmp => "tmp",
            Self::MountsRead => "mounts-read",
            Self::MountsWrite => "mounts-write",
            Self::MountsExec => "mounts-exec",
            Self::Volumes => "volumes",
            Self::Devices => "devices",
            Self::Env => "env",
            Self::Secrets => "secrets",
            Self::Files => "files",
            Self::FileOwners => "file-owners",
            Self::User => "user",
            Self::MemoryExact => "memory-exact",
            Self::MemoryWatched => "memory-watched",
            Self::Cpu => "cpu",
            Self::Pids => "pids",
            Self::Wall => "wall",
            Self::Output => "output",
            Self::Disk => "disk",
            Self::OpenFiles => "open-files",
            Self::Terminal => "terminal",
            Self::HostName => "host-name",
            Self::DomainName => "domain-name",
            Self::KnownHosts => "known-hosts",
            Self::MemoryFolders => "memory-folders",
            Self::SharedMemory => "shared-memory",
            Self::Init => "init",
            Self::Sysctls => "sysctls",
            Self::Groups => "groups",
            Self::OomScore => "oom-score",
        })
    }
}

/// Whether and by whom a control is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enforcement {
    /// Held, by this enforcer: `cgroup v1 memory.limit_in_bytes`, `user namespace`, …
    By(String),
    /// Not held here: why, and what the user can do.
    Nobody {
        /// What is missing.
        why: String,
        /// What would help, or nothing.
        remedy: Option<String>,
    },
}

/// Which controls a backend enforces on this host, found by probing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct ControlTable(BTreeMap<Control, Enforcement>);

impl ControlTable {
    /// The answer for one control; a control that is not in the table is not enforced.
    pub fn enforcer(&self, control: Control) -> Option<&str> {
        match self.0.get(&control) {
            Some(Enforcement::By(enforcer)) => Some(enforcer),
            Some(Enforcement::Nobody { .. }) | None => None,
        }
    }

    /// Why a control is not enforced, and what would help.
    pub fn refusal(&self, control: Control) -> Option<(&str, Option<&str>)> {
        match self.0.get(&control) {
            Some(Enforcement::By(_)) => None,
            Some(Enforcement::Nobody { why, remedy }) => Some((why, remedy.as_deref())),
            None => Some(("the backend has no such control", None)),
        }
    }

    /// Sets one entry.
    pub fn set(&mut self, control: Control, enforcement: Enforcement) {
        self.0.insert(control, enforcement);
    }

    /// All entries in the order of [`Control`].
    pub fn iter(&self) -> impl Iterator<Item = (Control, &Enforcement)> {
        self.0.iter().map(|(control, enforcement)| (*control, enforcement))
    }
}

impl FromIterator<(Control, Enforcement)> for ControlTable {
    fn from_iter<I: IntoIterator<Item = (Control, Enforcement)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// One backend that answered a probe on this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackendFacts {
    /// Which backend.
    pub name: BackendName,
    /// Its version, as it says itself.
    pub version: String,
    /// The isolation levels that it gives here.
    pub levels: Vec<IsolationLevel>,
    /// The architectures whose programs it runs, in the words of image indexes: `amd64`, `arm64`, `wasm`.
    pub architectures: Vec<String>,
    /// Who runs the program's instructions.
    #[serde(skip_serializing_if = "Emulation::is_none")]
    pub emulation: Emulation,
    /// What it enforces here.
    pub controls: ControlTable,
}

/// Who runs the program's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Emulation {
    /// The processor.
    #[default]
    None,
    /// Software that is not made to keep anybody in: QEMU's own security policy does not count its translator as a wall. Only
    /// an exception of the policy accepts it.
    Software,
}

impl Emulation {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// Everything about the host that a decision may depend on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostFacts {
    /// The host's name: exceptions are written for one host.
    pub hostname: String,
    /// The user that will own the sandbox; 0 is root.
    pub uid: u32,
    /// Backends that are alive, the preferred first. A backend pinned by the user is alone in the list.
    pub backends: Vec<BackendFacts>,
}
