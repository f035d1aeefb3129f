//! What there is to be.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use perry_sandbox_pipeline::{Upkeep, Wish};
use serde::{Deserialize, Serialize};

/// Whose things they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Project {
    /// The name.
    pub name: String,
    /// A digest of where it comes from: two folders may have projects of one name.
    pub origin: String,
}

/// A project as it is to be.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The project.
    pub project: Project,
    /// Networks.
    pub networks: Vec<NetworkUnit>,
    /// Networks of other projects that must be there, by their whole names.
    pub external_networks: BTreeSet<String>,
    /// Volumes.
    pub volumes: Vec<VolumeUnit>,
    /// Volumes of others that must be there, by what their backend calls them.
    pub external_volumes: BTreeSet<String>,
    /// Replicas of services, each behind those that it needs.
    pub units: Vec<Unit>,
    /// All services of the project, also those that are not asked for now: what belongs to another is an orphan.
    pub services: BTreeSet<String>,
    /// Services that are asked for and of which there is to be no replica.
    pub none_of: BTreeSet<String>,
}

impl Desired {
    /// Nothing of this project.
    pub fn nothing(project: Project) -> Self {
        Self {
            project,
            networks: Vec::new(),
            external_networks: BTreeSet::new(),
            volumes: Vec::new(),
            external_volumes: BTreeSet::new(),
            units: Vec::new(),
            services: BTreeSet::new(),
            none_of: BTreeSet::new(),
        }
    }
}

/// A network that is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct NetworkUnit {
    /// Its name in the project.
    pub key: String,
    /// What it is called outside of the project; nothing: by the project's name and its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called: Option<String>,
    /// Its addresses; nothing: any that are free.
    pub subnet: Option<String>,
    /// The one of them that no sandbox gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Those of them that a sandbox gets that asks for none; nothing: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
}

/// A volume that is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VolumeUnit {
    /// Its name in the project.
    pub key: String,
    /// Whose own it is: it goes with that service where volumes go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// A replica that is to run.
#[derive(Debug, Clone)]
pub struct Unit {
    /// The service.
    pub service: String,
    /// Which of its replicas, from one.
    pub replica: u32,
    /// The name that its sandbox gets; nothing: one of its image's.
    pub name: Option<String>,
    /// A digest of all that its files say of it and its plan does not.
    pub config: String,
    /// The digest of the launch plan that policy and verifier have allowed.
    pub plan: String,
    /// The words that the desks are asked by, with the image's digest.
    pub wish: Wish,
    /// Restarts and health.
    pub upkeep: Upkeep,
    /// Whether it is given secrets.
    pub secrets: bool,
    /// How it is asked to end.
    pub stop: StopHow,
    /// What it waits for.
    pub after: Vec<Wait>,
    /// The service whose network it shares: it is started again when that is, or it would be in one that is gone.
    pub beside: Option<String>,
    /// Services whose own volumes it sees: these stay as long as it does.
    pub borrows: Vec<String>,
    /// Networks that it joins, by their names in the project.
    pub networks: Vec<String>,
    /// Volumes that it sees.
    pub volumes: Vec<String>,
}

/// How a sandbox is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StopHow {
    /// The signal; nothing: the image's own.
    pub signal: Option<i32>,
    /// How long it may take; nothing: ten seconds.
    pub grace: Option<Duration>,
}

/// What a replica waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The other service; of thousands of waits many are for the same.
    pub service: Arc<str>,
    /// How far it must be.
    pub until: Until,
    /// Whether it is not started where that fails.
    pub required: bool,
    /// Whether it is started again when the other is.
    pub restart: bool,
}

/// How far another service must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// It runs.
    Started,
    /// It is well.
    Healthy,
    /// It has ended with code 0.
    Completed,
}
