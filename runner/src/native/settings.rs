//! What the native backend is asked for, in its own types: a plan with every choice of this host made.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use perry_sandbox_policy::{
    MemoryFolder, Mount, MountAccess, Publication, SecretName, ServiceLink, ServiceName, System, WantedFile,
};
use serde::{Deserialize, Serialize};

use crate::egress::Grants;
use crate::project::Resident;

/// One sandbox, as this backend understands it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Program and arguments.
    pub(crate) argv: Vec<String>,
    /// The whole environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Working directory inside.
    pub(crate) cwd: String,
    /// User id inside.
    pub(crate) uid: u32,
    /// Group id inside.
    pub(crate) gid: u32,
    /// Whether it gets a terminal of its own.
    pub(crate) terminal: bool,
    /// Room for writes to the root; 0: it shares the room of `tmp`. Nothing: a read-only root.
    pub(crate) ephemeral: Option<u64>,
    /// Room in `/tmp` and `/dev/shm` together.
    pub(crate) tmp: u64,
    /// Further folders of memory.
    pub(crate) memory: Vec<MemoryFolder>,
    /// The seccomp filter, one word per instruction.
    pub(crate) filter: Vec<u64>,
    /// Linux caps that are kept, one bit each.
    pub(crate) linux_caps: u64,
    /// Paths below `/proc` that are hidden, without `/proc/`.
    pub(crate) masked: Vec<String>,
    /// Paths below `/proc` that cannot be written, without `/proc/`.
    pub(crate) read_only: Vec<String>,
    /// Host folders and files that are seen inside.
    pub(crate) mounts: Vec<HostFolder>,
    /// Volumes of its project.
    pub(crate) volumes: Vec<VolumeFolder>,
    /// Networks of its project.
    pub(crate) networks: Vec<NetworkWish>,
    /// The service of its project that it is, for those who share its network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) resident: Option<Resident>,
    /// The service whose network it shares; nothing: it has a network namespace of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) beside: Option<ServiceName>,
    /// Devices of the host.
    pub(crate) devices: Vec<HostDevice>,
    /// Secrets, which are files below `/run/secrets` where `files` does not have them.
    pub(crate) secrets: Vec<SecretName>,
    /// Files at places of their own.
    pub(crate) files: Vec<WantedFile>,
    /// What may be reached through the proxy; nothing: there is none.
    pub(crate) egress: Grants,
    /// Ports that are reached from the host.
    pub(crate) publish: Vec<Publication>,
    /// What it has of a system of its own.
    pub(crate) system: System,
    /// All limits.
    pub(crate) limits: Bounds,
}

/// A host folder, or file, that is seen inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostFolder {
    /// Its absolute path on the host.
    pub(crate) path: String,
    /// Where it is seen.
    pub(crate) inside: String,
    /// What may be done with it.
    pub(crate) access: MountAccess,
}

impl HostFolder {
    /// As a plan has it.
    pub(crate) fn of(mount: &Mount) -> Self {
        let Mount { source, target, access } = mount;
        Self { path: source.clone(), inside: target.as_str().to_owned(), access: *access }
    }

    /// One that is seen where it is on the host.
    #[cfg(test)]
    pub(crate) fn in_place(path: impl Into<String>, access: MountAccess) -> Self {
        let path = path.into();
        Self { inside: path.clone(), path, access }
    }
}

/// A volume of the project. What is in it is never executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VolumeFolder {
    /// Its folder on the host, without symbolic links.
    pub(crate) path: String,
    /// Where it is seen.
    pub(crate) inside: String,
    /// Whether it can be written.
    pub(crate) writable: bool,
}

/// A network of the project that is joined when the sandbox starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NetworkWish {
    /// Its whole name.
    pub(crate) name: String,
    /// Whose it must be; nothing: any project's.
    pub(crate) project: Option<String>,
    /// By what others there find the sandbox.
    pub(crate) aliases: Vec<String>,
    /// Its address there; nothing: any that is free.
    pub(crate) address: Option<IpAddr>,
    /// What it calls others there, and nobody else does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) links: Vec<ServiceLink>,
}

/// A device of the host that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostDevice {
    /// Its place below `/dev`, outside and inside.
    pub(crate) name: String,
    /// Its major number.
    pub(crate) major: u32,
    /// Its minor number.
    pub(crate) minor: u32,
}

/// Limits as plain numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bounds {
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Whether the kernel must hold the memory limit for the sandbox as a whole.
    pub(crate) memory_exact: bool,
    /// Thousandths of a processor.
    pub(crate) milli_cpu: u32,
    /// Processes and threads.
    pub(crate) pids: u32,
    /// Time from start to kill.
    pub(crate) wall: Duration,
    /// Bytes of output.
    pub(crate) output: u64,
    /// Bytes that can be written.
    pub(crate) disk: u64,
    /// Open files per process.
    pub(crate) open_files: u32,
}

/// The image's root folder.
#[derive(Debug)]
pub(crate) struct RootFolder {
    /// Where it is, without symbolic links.
    pub(crate) path: PathBuf,
    /// The folder itself.
    pub(crate) folder: std::os::fd::OwnedFd,
}
