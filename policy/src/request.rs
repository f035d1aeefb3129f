//! What a caller asks for.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::{CapabilityName, SecretName, TierName};
use crate::pattern::PatternError;
use crate::plan::Terminal;
use crate::project::{InsidePath, ServiceName, WantedProject};
use crate::quantity::{ByteSize, MilliCpu, WallTime};
use perry_sandbox_profiles::LinuxCapSet;

/// A request for one run, before anything is known about the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    /// What should run.
    pub target: Target,
    /// Tier asked for; it can only tighten what the policy's entry says. Nothing: the entry's own
    /// (`isolated` for an ad-hoc image).
    pub tier: Option<TierName>,
    /// Arguments: after the capability's own command, or the whole command of an ad-hoc image (empty: the image's own).
    pub args: Vec<String>,
    /// Program that replaces the image's entry point; ad-hoc images only.
    pub entrypoint: Option<String>,
    /// Variables wanted, with values. Those that the policy does not grant deny the run.
    pub env: BTreeMap<String, String>,
    /// Grants wanted beyond what the entry gives by itself; nothing wider than the ceiling is ever given.
    pub grants: WantedGrants,
    /// What is wanted of the compose project; services and nodes only.
    pub project: WantedProject,
    /// Limits wanted: each can only lower.
    pub limits: WantedLimits,
    /// Whether a terminal is wanted.
    pub terminal: Terminal,
}

/// What should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// A capability of the policy.
    Capability(CapabilityName),
    /// An image named on the command line, under the policy's `[ad-hoc]` entry or a signer given beside it.
    AdHoc,
    /// A compose service or workload node.
    Service(ServiceName),
}

/// Grants that the caller wants this time, as text of the policy's grammar.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedGrants {
    /// `host:port` patterns.
    pub egress: Vec<String>,
    /// Host folders and files to read.
    pub mounts_read: Vec<WantedMount>,
    /// Host folders and files to write.
    pub mounts_write: Vec<WantedMount>,
    /// Host folders with programs to execute. These are seen where they are.
    #[serde(default)]
    pub mounts_exec: Vec<String>,
    /// Secrets by name.
    pub secrets: Vec<SecretName>,
    /// Devices by path.
    pub devices: Vec<String>,
    /// Linux caps.
    pub linux_caps: LinuxCapSet,
}

/// A folder or file of the host that is wanted, as text `SOURCE` or `SOURCE:TARGET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedMount {
    /// Its path on the host, as text of the policy's grammar.
    pub source: String,
    /// Where it is to be seen; nothing: where it is on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<InsidePath>,
}

impl WantedMount {
    /// One that is seen where it is on the host.
    pub fn in_place(source: impl Into<String>) -> Self {
        Self { source: source.into(), target: None }
    }
}

impl FromStr for WantedMount {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let Some((source, target)) = text.split_once(':') else { return Ok(Self::in_place(text)) };
        Ok(Self { source: source.to_owned(), target: Some(target.parse()?) })
    }
}

/// Limits that the caller wants this time; none is above the ceiling, or the run is denied.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WantedLimits {
    /// See [`Limits`](crate::Limits).
    pub memory: Option<ByteSize>,
    /// See [`Limits`](crate::Limits).
    pub cpu: Option<MilliCpu>,
    /// See [`Limits`](crate::Limits).
    pub pids: Option<std::num::NonZeroU32>,
    /// See [`Limits`](crate::Limits).
    pub wall: Option<WallTime>,
    /// See [`Limits`](crate::Limits).
    pub output: Option<ByteSize>,
    /// See [`Limits`](crate::Limits).
    pub disk: Option<ByteSize>,
    /// See [`Limits`](crate::Limits).
    pub open_files: Option<std::num::NonZeroU32>,
}

/// What the verified image's own configuration says; hostile data, used only where the policy leaves a gap.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ImageDefaults {
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// `Env` as `NAME=value`.
    pub env: Vec<String>,
    /// `WorkingDir`.
    pub working_dir: Option<String>,
    /// `User`.
    pub user: Option<String>,
}
