use std::time::Duration;

use serde::Serialize;

use crate::model::{Condition, HealthCheck, Restart, milliseconds};

/// One thing that would be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// Its number, from one; steps stand in the order of their numbers, and wait only for smaller ones.
    pub number: usize,
    /// What is done.
    #[serde(flatten)]
    pub action: Action,
    /// What is waited for.
    pub after: Vec<After>,
}

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct After {
    /// The other step.
    pub step: usize,
    /// How far it must be.
    pub until: Until,
}

/// How far another step must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// It is done; a service runs.
    Done,
    /// The service is well.
    Healthy,
    /// The service has ended with code 0.
    Completed,
}

impl From<Condition> for Until {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Started => Self::Done,
            Condition::Healthy => Self::Healthy,
            Condition::Completed => Self::Completed,
        }
    }
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "kebab-case")]
pub enum Action {
    /// A network is made.
    CreateNetwork {
        /// Its name in the project.
        key: String,
        /// The name that it gets.
        name: String,
        /// Whether nothing outside is reached from it.
        internal: bool,
        /// Ranges of addresses; none: any that are free.
        subnets: Vec<String>,
    },
    /// A volume is made.
    CreateVolume {
        /// Its name in the project.
        key: String,
        /// The name that it gets.
        name: String,
    },
    /// A replica of a service is started.
    StartService(Box<Start>),
}

/// The start of a replica. What the sandbox is, says the service's launch plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Start {
    /// The service.
    pub service: String,
    /// Which of its replicas, from one.
    pub replica: u32,
    /// The name that it gets.
    pub name: String,
    /// The image, as the file or its lock names it.
    pub image: String,
    /// How it is found out whether it is well.
    pub health: Option<HealthCheck>,
    /// When it is started again.
    pub restart: Restart,
    /// The signal that asks it to end.
    pub stop_signal: Option<String>,
    /// How long it has to end after that.
    #[serde(rename = "stop-grace-ms", serialize_with = "milliseconds")]
    pub stop_grace: Option<Duration>,
    /// Whether its standard input stays open.
    pub stdin_open: bool,
}
