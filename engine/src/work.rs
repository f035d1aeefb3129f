//! What is to be done, as steps.

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use crate::desired::{NetworkUnit, StopHow, Until, VolumeUnit};
use crate::world::SeenResource;

/// Steps that are taken, and undone if one fails; then those that tidy up, which are not undone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Work {
    /// The steps, each behind those that it waits for.
    pub steps: Vec<Step>,
    /// What goes once all of them are done, one after another.
    pub tidy: Vec<Act>,
    /// The number of the step behind which each of the units runs.
    #[serde(skip)]
    pub units: Vec<usize>,
    /// The sandbox that stood for each of the units before; nothing where there was none.
    #[serde(skip)]
    pub before: Vec<Option<String>>,
}

impl Work {
    /// Whether nothing is to be done.
    pub fn is_nothing(&self) -> bool {
        self.tidy.is_empty() && self.steps.iter().all(|step| matches!(step.act, Act::Keep { .. }))
    }

    /// The sandboxes that are started again.
    pub fn starts_again(&self) -> BTreeSet<&str> {
        let mut ids = BTreeSet::new();
        for step in &self.steps {
            if let Act::StartAgain { id, .. } = &step.act {
                ids.insert(id.as_str());
            }
        }
        ids
    }

    /// How many sandboxes, networks and volumes are removed.
    pub(crate) fn counts(&self) -> [usize; 3] {
        let count = |is: fn(&Act) -> bool| self.tidy.iter().filter(|act| is(act)).count();
        [
            count(|act| matches!(act, Act::Remove { .. })),
            count(|act| matches!(act, Act::RemoveNetwork { .. })),
            count(|act| matches!(act, Act::RemoveVolume { .. })),
        ]
    }
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Step {
    /// Its number, from one; it waits only for smaller ones.
    pub number: usize,
    /// What is done.
    #[serde(flatten)]
    pub act: Act,
    /// What is waited for.
    pub after: Vec<After>,
}

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct After {
    /// The other step.
    pub step: usize,
    /// How far what it has started must be.
    pub until: Until,
    /// Whether the step is not taken where that fails.
    pub required: bool,
}

/// What a new replica begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begins {
    /// The first of its place.
    First,
    /// In the place of an older one, which is kept until this one is well.
    Replacing,
    /// Not running: somebody starts it later.
    Created,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "act", rename_all = "kebab-case")]
pub enum Act {
    /// A network is made.
    CreateNetwork(NetworkUnit),
    /// A network with other addresses takes the place of one that nobody is in any more.
    ReplaceNetwork {
        /// The network that is made.
        #[serde(flatten)]
        network: NetworkUnit,
        /// The one that goes.
        #[serde(skip)]
        was: SeenResource,
    },
    /// A volume is made.
    CreateVolume(VolumeUnit),
    /// A replica is there already, as it is to be.
    Keep {
        /// Its sandbox.
        id: String,
        /// Its name.
        name: String,
    },
    /// A sandbox is ended.
    Stop {
        /// Which.
        id: String,
        /// Its name.
        name: String,
        /// How.
        #[serde(skip)]
        how: StopHow,
        /// Whose it is.
        service: String,
    },
    /// A sandbox that has ended makes room for a newer one.
    SetAside {
        /// Which.
        id: String,
        /// Its name.
        name: String,
        /// The name that it gets.
        aside: String,
    },
    /// A replica is made and started.
    Start {
        /// Which of the units.
        unit: usize,
        /// What it is called.
        name: String,
        /// What it begins as.
        begins: Begins,
    },
    /// A sandbox that has ended is started again.
    StartAgain {
        /// Which.
        id: String,
        /// Its name.
        name: String,
        /// Whose it is.
        service: String,
    },
    /// A sandbox that is paused goes on, as it is.
    GoOn {
        /// Which.
        id: String,
        /// Its name.
        name: String,
    },
    /// A sandbox is removed.
    Remove {
        /// Which.
        id: String,
        /// Its name.
        name: String,
    },
    /// A network is removed.
    RemoveNetwork {
        /// Its name in the project.
        key: String,
        /// What it is called outside, if not by the project's name and its own.
        #[serde(skip_serializing_if = "Option::is_none")]
        called: Option<String>,
    },
    /// A volume is removed, with all that is in it.
    RemoveVolume {
        /// Its name in the project.
        key: String,
    },
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateNetwork(network) => write!(f, "create network {}", network.key),
            Self::ReplaceNetwork { network, .. } => write!(f, "replace network {}", network.key),
            Self::CreateVolume(volume) => write!(f, "create volume {}", volume.key),
            Self::Keep { name, .. } => write!(f, "keep {name}"),
            Self::Stop { name, .. } => write!(f, "stop {name}"),
            Self::SetAside { name, .. } => write!(f, "set {name} aside"),
            Self::Start { name, begins: Begins::Created, .. } => write!(f, "create {name}"),
            Self::Start { name, .. } => write!(f, "start {name}"),
            Self::StartAgain { name, .. } => write!(f, "start {name} again"),
            Self::GoOn { name, .. } => write!(f, "unpause {name}"),
            Self::Remove { name, .. } => write!(f, "remove {name}"),
            Self::RemoveNetwork { key, .. } => write!(f, "remove network {key}"),
            Self::RemoveVolume { key } => write!(f, "remove volume {key}"),
        }
    }
}

/// A line a step.
impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.len().to_string().len();
        for step in &self.steps {
            write!(f, "{:>width$}  {}", step.number, step.act)?;
            for (index, after) in step.after.iter().enumerate() {
                f.write_str(if index == 0 { "  after " } else { ", " })?;
                match after.until {
                    Until::Started => write!(f, "{}", after.step)?,
                    Until::Healthy => write!(f, "{} is healthy", after.step)?,
                    Until::Completed => write!(f, "{} has ended well", after.step)?,
                }
            }
            f.write_str("\n")?;
        }
        self.tidy.iter().try_for_each(|act| writeln!(f, "{:>width$}  {act}", "-"))
    }
}
