//! What there is, and what can be done to it.

use std::collections::BTreeSet;
use std::time::Duration;

use perry_sandbox_runner::Health;

use crate::desired::{NetworkUnit, Project, StopHow, Unit, VolumeUnit};
use crate::error::{EngineError, StepError};
use crate::label::Membership;

/// What there is of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Sandboxes, of every state.
    pub replicas: Vec<Replica>,
    /// Networks.
    pub networks: Vec<SeenResource>,
    /// Volumes.
    pub volumes: Vec<SeenResource>,
    /// What the backends call all their volumes of ours, whosever they are.
    pub all_volumes: BTreeSet<String>,
    /// Networks of other projects, by their whole names.
    pub foreign_networks: BTreeSet<String>,
}

impl Seen {
    /// Everything that there is: whose it is, and what it is in words.
    fn belongings(&self) -> impl Iterator<Item = (&String, String)> {
        let sandboxes =
            self.replicas.iter().map(|one| (&one.member.origin, format!("the sandbox {}", one.name)));
        let networks = self.networks.iter().map(|one| (&one.origin, format!("the network {}", one.key)));
        let volumes = self.volumes.iter().map(|one| (&one.origin, format!("the volume {}", one.key)));
        sandboxes.chain(networks).chain(volumes)
    }

    /// Refuses what belongs to another folder's project of this name; where only the name is known, one that several have.
    ///
    /// # Errors
    /// [`EngineError::OtherOrigin`], [`EngineError::SeveralOrigins`].
    pub fn refuse_others(&self, project: &str, origin: Option<&String>) -> Result<(), EngineError> {
        let first = self.belongings().next().map(|(origin, _)| origin);
        let Some(own) = origin.or(first) else { return Ok(()) };
        match self.belongings().find(|(other, _)| *other != own) {
            Some((_, what)) if origin.is_some() => {
                Err(EngineError::OtherOrigin { project: project.to_owned(), what })
            }
            Some(_) => Err(EngineError::SeveralOrigins(project.to_owned())),
            None => Ok(()),
        }
    }
}

/// A sandbox of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What its labels say.
    pub member: Membership,
    /// The digest of the plan that it was last started under.
    pub plan: String,
    /// Where it stands.
    pub condition: Condition,
    /// Whether it runs and its processes are stopped until they are let go on.
    pub paused: bool,
}

/// Where a sandbox stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// It was never started.
    Created,
    /// It runs; what its health check says, if it has one.
    Running(Option<Health>),
    /// It has no health check, and was run again this often since it was started: it runs, or is about to.
    Restarted(u32),
    /// It has ended by itself, with this code.
    Exited(u8),
    /// It was killed, or nobody knows how it ended; the words for it.
    Lost(String),
}

impl Condition {
    /// Whether it runs, or will by itself.
    pub const fn is_running(&self) -> bool {
        matches!(self, Self::Running(_) | Self::Restarted(_))
    }
}

/// A network or volume of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenResource {
    /// Its name in the project.
    pub key: String,
    /// What it is called outside of the project, if not by the project's name and its own.
    pub called: Option<String>,
    /// A digest of where its project comes from.
    pub origin: String,
    /// The run that made it.
    pub run: String,
    /// Ranges of addresses of a network.
    pub subnets: Vec<String>,
    /// The address of a network that no sandbox gets, where one was named.
    pub gateway: Option<String>,
    /// The addresses of a network for who asks for none, where they were named.
    pub range: Option<String>,
    /// The service whose own a volume is.
    pub service: Option<String>,
}

/// Where steps are taken. Each call does one thing, and returns when it is done.
pub trait World: Sync {
    /// How long networks and volumes may still be made when whoever has asked for them is gone.
    fn lateness(&self) -> Duration;

    /// What there is of a project of this name, wherever that comes from.
    ///
    /// # Errors
    /// Somebody who is asked does not answer.
    fn seen(&self, project: &str) -> Result<Seen, StepError>;

    /// Makes a network.
    ///
    /// # Errors
    /// There is one of this name, or it cannot be made.
    fn create_network(&self, project: &Project, run: &str, network: &NetworkUnit) -> Result<(), StepError>;

    /// Removes a network, by what it is called outside of the project if that is not the usual.
    ///
    /// # Errors
    /// Something uses it, or it cannot be removed. There is none: no error.
    fn remove_network(&self, project: &str, key: &str, called: Option<&str>) -> Result<(), StepError>;

    /// Makes a volume.
    ///
    /// # Errors
    /// There is one of this name, or it cannot be made.
    fn create_volume(&self, project: &Project, run: &str, volume: &VolumeUnit) -> Result<(), StepError>;

    /// Removes a volume, with all that is in it.
    ///
    /// # Errors
    /// Something uses it, or it cannot be removed. There is none: no error.
    fn remove_volume(&self, project: &str, key: &str) -> Result<(), StepError>;

    /// Makes a sandbox and starts it; its id. If it does not start, nothing of it is left.
    ///
    /// # Errors
    /// Policy or verifier refuse by now, what they allow is not what was planned, or it does not start.
    fn start(&self, unit: &Unit, member: &Membership) -> Result<String, StepError>;

    /// Starts a sandbox again that has ended.
    ///
    /// # Errors
    /// As [`World::start`]; it is as it was then.
    fn start_again(&self, id: &str, service: &str) -> Result<(), StepError>;

    /// Asks a sandbox to end, and kills it when it has not ended in time. It has ended already: no error.
    ///
    /// # Errors
    /// It cannot be ended.
    fn stop(&self, id: &str, how: StopHow) -> Result<(), StepError>;

    /// Lets the processes of a sandbox go on. It is not paused: no error.
    ///
    /// # Errors
    /// It does not run, or they cannot be let go on.
    fn go_on(&self, id: &str) -> Result<(), StepError>;

    /// Stops the processes of a sandbox until they are let go on. There is none that runs: no error.
    ///
    /// # Errors
    /// They cannot be stopped.
    fn pause(&self, id: &str) -> Result<(), StepError>;

    /// Gives a sandbox that does not run another name. There is none: no error.
    ///
    /// # Errors
    /// The name is taken, or the sandbox runs.
    fn rename(&self, id: &str, name: &str) -> Result<(), StepError>;

    /// Removes a sandbox, killing it if it runs. There is none: no error.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, id: &str) -> Result<(), StepError>;

    /// Where a sandbox stands; nothing if there is none.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn look(&self, id: &str) -> Result<Option<Condition>, StepError>;

    /// What the health check of a sandbox said last, in words, if that was bad.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn bad_answer(&self, id: &str) -> Result<Option<String>, StepError>;

    /// The last that a sandbox has written, on one line and short; nothing where it has written nothing.
    ///
    /// # Errors
    /// It cannot be looked at.
    fn last_words(&self, id: &str) -> Result<Option<String>, StepError>;
}
