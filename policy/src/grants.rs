//! What a program may touch: the grants of an entry, and the most that a tier allows of each.

use perry_sandbox_profiles::LinuxCap;
use serde::Serialize;

use crate::names::SecretName;
use crate::pattern::{
    DevicePath, EgressPattern, EnvPattern, HostPath, NetworkName, Pattern as _, PatternSet, PublishAddress,
    VolumeName,
};

/// Grants, or a ceiling of grants.
///
/// INVARIANT: everything in `mounts_write` and `mounts_exec` is inside `mounts_read` too, because writing and executing
/// imply reading. In a ceiling nothing is inside both: what can be written cannot be executed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Grants {
    /// Hosts and ports.
    pub egress: PatternSet<EgressPattern>,
    /// Host folders that can be read.
    pub mounts_read: PatternSet<HostPath>,
    /// Host folders that can be written.
    pub mounts_write: PatternSet<HostPath>,
    /// Host folders whose programs can be executed. Absent from the digest where there are none.
    #[serde(skip_serializing_if = "PatternSet::is_empty")]
    pub mounts_exec: PatternSet<HostPath>,
    /// Variables.
    pub env: PatternSet<EnvPattern>,
    /// Secrets.
    pub secrets: PatternSet<SecretName>,
    /// Devices of the host.
    pub devices: PatternSet<DevicePath>,
    /// Linux caps.
    pub linux_caps: PatternSet<LinuxCap>,
}

impl Grants {
    /// What both allow.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            egress: self.egress.meet(&other.egress),
            mounts_read: self.mounts_read.meet(&other.mounts_read),
            mounts_write: self.mounts_write.meet(&other.mounts_write),
            mounts_exec: self.mounts_exec.meet(&other.mounts_exec),
            env: self.env.meet(&other.env),
            secrets: self.secrets.meet(&other.secrets),
            devices: self.devices.meet(&other.devices),
            linux_caps: self.linux_caps.meet(&other.linux_caps),
        }
    }

    /// Whether nothing here is outside `other`.
    pub fn is_within(&self, other: &Self) -> bool {
        other.egress.includes_all(&self.egress)
            && other.mounts_read.includes_all(&self.mounts_read)
            && other.mounts_write.includes_all(&self.mounts_write)
            && other.mounts_exec.includes_all(&self.mounts_exec)
            && other.env.includes_all(&self.env)
            && other.secrets.includes_all(&self.secrets)
            && other.devices.includes_all(&self.devices)
            && other.linux_caps.includes_all(&self.linux_caps)
    }

    /// Restores the invariant after folders to write or execute were set.
    pub(crate) fn all_implies_reading(mut self) -> Self {
        self.mounts_read = self.mounts_read.union(&self.mounts_write).union(&self.mounts_exec);
        self
    }

    /// Folders that are only read: those that may be written or executed are promised as that.
    pub(crate) fn mounts_only_read(&self) -> PatternSet<HostPath> {
        let more = |path: &HostPath| self.mounts_write.includes(path) || self.mounts_exec.includes(path);
        let only = self.mounts_read.iter().filter(|(path, _)| !more(path));
        PatternSet::new(only.map(|(path, at)| (path.clone(), at)))
    }

    /// A folder that could be executed, with one inside or around it that could be written.
    pub(crate) fn writable_and_executable(&self) -> Option<(&HostPath, &HostPath)> {
        let writable = || self.mounts_write.iter().map(|(path, _)| path);
        self.mounts_exec.iter().find_map(|(exec, _)| {
            let write = writable().find(|write| write.includes(exec) || exec.includes(write))?;
            Some((exec, write))
        })
    }
}

/// Grants inside a compose project; tiers do not limit them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProjectGrants {
    /// Networks of the project.
    pub networks: PatternSet<NetworkName>,
    /// Addresses to publish on.
    pub publish: PatternSet<PublishAddress>,
    /// Named volumes.
    pub volumes: PatternSet<VolumeName>,
}

impl ProjectGrants {
    /// What both allow.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        Self {
            networks: self.networks.meet(&other.networks),
            publish: self.publish.meet(&other.publish),
            volumes: self.volumes.meet(&other.volumes),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && self.publish.is_empty() && self.volumes.is_empty()
    }
}
