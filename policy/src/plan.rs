//! The launch plan: everything that a backend needs to start one sandbox, and who enforces each line of it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use perry_sandbox_profiles::LinuxCapSet;
use perry_sandbox_reference::{Digest, Repository};
use serde::{Deserialize, Serialize};

use crate::control::Control;
use crate::decide::UsedException;
use crate::file::{GivenFile, given_files};
use crate::isolation::IsolationLevel;
use crate::memory::MemoryFolder;
use crate::names::{BackendName, CapabilityName, SecretName, TierName};
use crate::project::{Attachment, InsidePath, Publication, ServiceName, VolumeMount};
use crate::quantity::{ByteSize, Limits};
use crate::seccomp::SharedProfile;
use crate::system::System;

/// Complete, backend-neutral description of one run. Only [`decide`](crate::decide()) makes one.
///
/// INVARIANT: inside the tier's ceiling and inside the request, and every line has an enforcer.
///
/// ```compile_fail,E0639
/// # fn forge(plan: &perry_sandbox_policy::LaunchPlan) -> perry_sandbox_policy::LaunchPlan {
/// perry_sandbox_policy::LaunchPlan { notes: Vec::new() }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct LaunchPlan {
    /// The capability that is run, or nothing for an ad-hoc image.
    pub capability: Option<CapabilityName>,
    /// The compose service or workload node that is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    /// The tier whose ceiling applied.
    pub tier: TierName,
    /// Digest of the resolved policy.
    pub policy: Digest,
    /// The manifest that runs; the runner refuses an image whose evidence names another.
    pub manifest: Digest,
    /// The configuration of that manifest.
    pub config: Digest,
    /// Where the image came from, for people.
    pub repository: Option<Repository>,
    /// Who runs it.
    pub backend: BackendName,
    /// Which wall.
    pub isolation: IsolationLevel,
    /// The exception without which this level would not be accepted.
    pub exception: Option<UsedException>,
    /// What is executed.
    pub process: Process,
    /// How the root file system is mounted.
    pub rootfs: RootfsMode,
    /// Size of `/tmp` and `/dev/shm` together. Under a read-only root nothing else can be written to but folders of memory,
    /// volumes, and host folders that are granted for that.
    pub tmp: ByteSize,
    /// Further folders of memory.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<MemoryFolder>,
    /// The seccomp filter; derefs to the whole profile, and is written as its name and digest.
    pub seccomp: SharedProfile,
    /// Linux caps that are added after all were dropped.
    pub linux_caps: LinuxCapSet,
    /// Host folders and files that are seen inside.
    pub mounts: Vec<Mount>,
    /// What may be reached over the network.
    pub network: Network,
    /// Secrets that are given as files, by name; never their values. They are under `/run/secrets`, but for those of `files`.
    pub secrets: Vec<SecretName>,
    /// Secrets at places of their own, and configs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<GivenFile>,
    /// Devices of the host, by path.
    pub devices: Vec<String>,
    /// Networks of the compose project that it joins.
    pub networks: Vec<Attachment>,
    /// Ports of it that are published on the host.
    pub publish: Vec<Publication>,
    /// Named volumes of the project.
    pub volumes: Vec<VolumeMount>,
    /// What it has of a system of its own.
    #[serde(skip_serializing_if = "System::is_default")]
    pub system: System,
    /// All limits.
    pub limits: Limits,
    /// How the memory limit is held.
    pub memory_enforcement: MemoryEnforcement,
    /// How many sandboxes for further calls a launcher process keeps ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm: Option<NonZeroU32>,
    /// Every promise with its enforcer, in the order of [`Control`].
    pub lines: Vec<PlanLine>,
    /// What nobody would guess from the lines, in sentences for people: what the image wanted and does not get, what no
    /// limit reaches, what is kept ready.
    pub notes: Vec<String>,
}

impl LaunchPlan {
    /// Every file that is given: those at places of their own, and the other secrets.
    pub fn given_files(&self) -> Vec<GivenFile> {
        given_files(&self.secrets, &self.files, self.process.user)
    }

    /// The digest of the plan's canonical JSON (RFC 8785).
    pub fn digest(&self) -> PlanDigest {
        PlanDigest(crate::canonical::digest_of(self))
    }
}

/// What is executed, as whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Process {
    /// Program and arguments; the program is looked up in the image's `PATH` if it has no slash. Never empty.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// The working directory: absolute, normal, and not under `/proc`, `/sys` or `/dev`.
    pub cwd: String,
    /// The user.
    pub user: User,
    /// Whether it gets a terminal of its own.
    pub terminal: Terminal,
}

/// User and group inside the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct User {
    /// User id; 0 only where the tier says `user = "any"`.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Where standard streams go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Terminal {
    /// Pipes.
    None,
    /// A pseudo-terminal made for this sandbox; the host's own is never passed in.
    Own,
}

impl Terminal {
    /// One of its own where it is wanted.
    pub const fn when(is_wanted: bool) -> Self {
        if is_wanted { Self::Own } else { Self::None }
    }
}

/// How the root file system is mounted; read-only is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootfsMode {
    /// Nothing can be written.
    ReadOnly,
    /// Writes go to memory of `limits.disk` bytes and are gone at exit.
    Ephemeral,
}

/// A folder or file of the host that is seen inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mount {
    /// Absolute, normal path on the host: what the policy grants.
    pub source: String,
    /// Where it is seen.
    pub target: InsidePath,
    /// What may be done with it; device and set-id files never count.
    pub access: MountAccess,
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.source == self.target.as_str() { Ok(()) } else { write!(f, " at {}", self.target) }
    }
}

/// What a mount allows; reading is tighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountAccess {
    /// Read-only.
    Read,
    /// Read and write, never execute.
    Write,
    /// Read, and execute the programs in it, never write.
    Execute,
}

/// Where a program finds the egress proxy, on the sandbox's own loopback.
pub const EGRESS_PROXY_PORT: u16 = 3128;

/// What the sandbox may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// An own network namespace with an unconnected loopback.
    None,
    /// These `host:port` patterns through the proxy, nothing else.
    Egress(Vec<String>),
}

/// How the memory limit is held (DESIGN.md §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryEnforcement {
    /// By the kernel, for the sandbox as a whole.
    Exact,
    /// Per process, and a supervisor that sums the sandbox's memory and kills it.
    Watched,
}

/// One promise: what, how much, and who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanLine {
    /// What is promised.
    pub control: Control,
    /// The value, for people: `read-only`, `128MiB`, `perry-minimal, 212 calls`.
    pub value: String,
    /// Who holds it, from the backend's control table.
    pub enforcer: String,
}

/// The digest of a plan's canonical JSON (RFC 8785): what the trail cites.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PlanDigest(pub(crate) Digest);

impl PlanDigest {
    /// The digest itself.
    pub const fn as_digest(&self) -> &Digest {
        &self.0
    }
}

impl fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
