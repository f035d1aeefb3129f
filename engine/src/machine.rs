//! The world of this machine: sandboxes through the pipeline's gates, networks and volumes in a backend's stock.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use perry_sandbox_image::Silent;
use perry_sandbox_pipeline::stock::{
    Addresses, Labels, NewNetwork, NewVolume, Project as Owner, ProjectError, StockError, StockName,
};
use perry_sandbox_pipeline::{Begin, LongRunning, Named, PipelineError, Reply};
use perry_sandbox_policy::{NetworkName, VolumeName};
use perry_sandbox_runner::{Filter, Input, LATENESS, LifecycleError, SandboxId, SandboxInfo, Secrets, Stop};

use crate::desired::{NetworkUnit, Project, StopHow, Unit, VolumeUnit};
use crate::error::StepError;
use crate::label::{self, Membership, Role};
use crate::said::{LAST_LINES, condition, last_words, reasons};
use crate::shelf::Shelf;
use crate::world::{Condition, Replica, Seen, SeenResource, World};

/// Who supplies the values of a service's secrets.
pub type SecretSource<'a> = dyn Fn(&str) -> Result<Secrets, String> + Sync + 'a;

/// The sandboxes, networks and volumes of this machine.
pub struct Machine<'a> {
    sandboxes: LongRunning<'a>,
    /// Where networks and volumes are looked for; new ones are made in the first.
    stocks: Vec<Shelf<'a>>,
    secrets: &'a SecretSource<'a>,
    beginning: Beginning,
}

/// What [`World::start`] makes of a unit.
enum Beginning {
    /// A replica that runs.
    Running,
    /// A replica that is started later.
    Created,
    /// A program that is run once: what it reads, and rows and columns of a terminal that it may have.
    OneOff(Mutex<Input>, (u16, u16)),
}

impl fmt::Debug for Machine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Machine").field("stocks", &self.stocks).finish_non_exhaustive()
    }
}

impl<'a> Machine<'a> {
    /// With the stocks in which networks and volumes are looked for; new ones are made in the first.
    pub fn new(sandboxes: LongRunning<'a>, stocks: Vec<Shelf<'a>>, secrets: &'a SecretSource<'a>) -> Self {
        Self { sandboxes, stocks, secrets, beginning: Beginning::Running }
    }

    /// Makes replicas and does not start them; those that were there are started again as ever.
    #[must_use]
    pub fn only_creating(self) -> Self {
        Self { beginning: Beginning::Created, ..self }
    }

    /// Makes the next unit a program that is run once beside the replicas, and reads this. A terminal that it has is of so
    /// many rows and columns.
    #[must_use]
    pub fn one_off(self, input: Input, window: (u16, u16)) -> Self {
        Self { beginning: Beginning::OneOff(Mutex::new(input), window), ..self }
    }

    /// The sandboxes.
    pub const fn sandboxes(&self) -> &LongRunning<'a> {
        &self.sandboxes
    }

    /// The sandboxes of a project, with all that may be seen of them.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn members(&self, project: &str) -> Result<Vec<(Membership, SandboxInfo)>, StepError> {
        let labels = BTreeMap::from([(label::PROJECT.to_owned(), project.to_owned())]);
        let listed = self.sandboxes.list(&Filter { labels, all: true }).map_err(failed)?;
        let member = |info: SandboxInfo| Some((Membership::read(info.labels.as_map())?, info));
        Ok(listed.into_iter().filter_map(member).collect())
    }

    /// How a sandbox of a project is asked to end; the default where nothing is known of it.
    pub fn stop_how(&self, text: &str) -> StopHow {
        let info = id(text).ok().and_then(|id| self.sandboxes.inspect(&id).ok());
        let member = info.and_then(|info| Membership::read(info.labels.as_map()));
        member.as_ref().map(Membership::stop_how).unwrap_or_default()
    }

    /// Brings a unit's image here, if policy and verifier allow it.
    ///
    /// # Errors
    /// They do not, or the image cannot be brought.
    pub fn fetch(&self, unit: &Unit) -> Result<(), StepError> {
        refusal(self.sandboxes.fetch(&unit.wish, &Silent).map_err(failed)?)
    }

    /// Sends a signal to a sandbox's program. It has ended already: no error.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn signal(&self, text: &str, signal: i32) -> Result<(), StepError> {
        match self.sandboxes.signal(&id(text)?, signal) {
            Ok(()) | Err(PipelineError::Sandbox(LifecycleError::NotRunning { .. })) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    /// The names of all projects that have sandboxes.
    ///
    /// # Errors
    /// They cannot be listed.
    pub fn projects(&self) -> Result<BTreeSet<String>, StepError> {
        let listed = self.sandboxes.list(&Filter { labels: BTreeMap::new(), all: true }).map_err(failed)?;
        Ok(listed.iter().filter_map(|info| info.labels.as_map().get(label::PROJECT)).cloned().collect())
    }

    fn stock(&self) -> Result<&Shelf<'a>, StepError> {
        let none = "no backend has networks and volumes here: see `perry-sandbox backends`";
        self.stocks.first().ok_or_else(|| StepError::Failed(none.to_owned()))
    }
}

fn failed(error: impl fmt::Display) -> StepError {
    StepError::Failed(error.to_string())
}

/// The reasons of a refusal, one after another.
fn refusal<T>(reply: Reply<'_, T>) -> Result<T, StepError> {
    match reply {
        Reply::Done(done) => Ok(done),
        Reply::Refused(asked) => Err(StepError::Refused(reasons(&asked.answer))),
    }
}

fn id(text: &str) -> Result<SandboxId, StepError> {
    text.parse().map_err(failed)
}

impl World for Machine<'_> {
    fn lateness(&self) -> Duration {
        let by_others = self.stocks.iter().any(|stock| matches!(stock, Shelf::Engine(_)));
        if by_others { LATENESS } else { Duration::ZERO }
    }

    fn seen(&self, project: &str) -> Result<Seen, StepError> {
        let replicas = self.members(project)?.into_iter().map(|(member, info)| Replica {
            id: info.id.to_string(),
            name: info.name.to_string(),
            member,
            plan: info.plan.to_string(),
            condition: condition(&info),
            paused: info.paused,
        });
        let mut seen = Seen { replicas: replicas.collect(), ..Seen::default() };
        for stock in &self.stocks {
            // An engine is asked both at the same time: each answer takes it a while.
            let (networks, volumes) = thread::scope(|scope| {
                let networks = thread::Builder::new().spawn_scoped(scope, || stock.networks());
                let volumes = stock.volumes();
                // There may have been no thread to be had.
                (networks.map_or_else(|_| Ok(stock.networks()), ScopedJoinHandle::join), volumes)
            });
            let broken = |_| StepError::Failed("listing the networks broke off".to_owned());
            for one in networks.map_err(broken)?.map_err(failed)? {
                match resource(project, &one.name, &one.labels, one.subnets) {
                    Some(own) => seen.networks.push(own),
                    None => drop(seen.foreign_networks.insert(one.name.to_string())),
                }
            }
            let volumes = volumes.map_err(failed)?;
            seen.all_volumes.extend(volumes.iter().map(|one| one.name.to_string()));
            let volumes = volumes.into_iter();
            seen.volumes
                .extend(volumes.filter_map(|one| resource(project, &one.name, &one.labels, Vec::new())));
        }
        Ok(seen)
    }

    fn create_network(&self, project: &Project, run: &str, network: &NetworkUnit) -> Result<(), StepError> {
        let owner = project.name.parse().map_err(failed)?;
        let called = network.called.as_deref();
        let key = NetworkName::of_project(&network.key, called).map_err(failed)?;
        let mut new = NewNetwork::of_project(&owner, &key).map_err(failed)?;
        let more = [
            (label::NETWORK, called.map(|_| &network.key)),
            (label::GATEWAY, network.gateway.as_ref()),
            (label::RANGE, network.range.as_ref()),
        ];
        let more = more.into_iter().filter_map(|(label, value)| Some(format!("{label}={}", value?)));
        new.labels = labels(project, run, more)?.of_project(&owner);
        let [subnet, gateway, range] =
            [&network.subnet, &network.gateway, &network.range].map(Option::as_deref);
        new.addresses = Addresses::read(subnet, gateway, range).map_err(failed)?;
        self.stock()?.create_network(&new).map(drop).map_err(not_made)
    }

    fn remove_network(&self, project: &str, key: &str, called: Option<&str>) -> Result<(), StepError> {
        let project: Owner = project.parse().map_err(failed)?;
        let key = NetworkName::of_project(key, called).map_err(failed)?;
        let name = StockName::of_network(&project, &key).map_err(failed)?;
        self.stocks.iter().try_for_each(|stock| or_none(stock.remove_network_of(&project, &name)))
    }

    fn create_volume(&self, project: &Project, run: &str, volume: &VolumeUnit) -> Result<(), StepError> {
        let owner = project.name.parse().map_err(failed)?;
        let key: VolumeName = volume.key.parse().map_err(failed)?;
        let mut new = NewVolume::of_project(&owner, &key).map_err(failed)?;
        let of = volume.service.as_ref().map(|service| format!("{}={service}", label::VOLUME_OF));
        new.labels = labels(project, run, of)?.of_project(&owner);
        self.stock()?.create_volume(&new).map(drop).map_err(not_made)
    }

    fn remove_volume(&self, project: &str, key: &str) -> Result<(), StepError> {
        let project: Owner = project.parse().map_err(failed)?;
        let name = StockName::in_project(&project, &key).map_err(failed)?;
        self.stocks.iter().try_for_each(|stock| or_none(stock.remove_volume_of(&project, &name)))
    }

    fn start(&self, unit: &Unit, member: &Membership) -> Result<String, StepError> {
        let mut member = member.clone();
        let begin = match &self.beginning {
            Beginning::Created => None,
            Beginning::Running => Some(Begin::default()),
            Beginning::OneOff(input, window) => {
                member.role = Role::OneOff;
                let mut input = input.lock().unwrap_or_else(PoisonError::into_inner);
                let stdin = std::mem::replace(&mut *input, Input::Null);
                Some(Begin { stdin, window: *window, ..Begin::default() })
            }
        };
        let named = Named { name: unit.name.clone(), labels: member.labels(), upkeep: unit.upkeep.clone() };
        let made = match begin {
            None => self.sandboxes.create(&unit.wish, &named),
            Some(begin) => {
                let secrets = (self.secrets)(&unit.service).map_err(StepError::Failed)?;
                let begin = Begin { secrets: Some(&secrets), ..begin };
                self.sandboxes.run(&unit.wish, &named, begin, &Silent)
            }
        };
        let info = refusal(made.map_err(failed)?)?.info;
        let found = info.plan.to_string();
        if found != unit.plan {
            self.sandboxes.remove(&info.id, true).map_err(failed)?;
            let (name, wanted) = (unit.service.clone(), unit.plan.clone());
            return Err(StepError::Changed { name, wanted, found });
        }
        Ok(info.id.to_string())
    }

    fn start_again(&self, text: &str, service: &str) -> Result<(), StepError> {
        let id = id(text)?;
        let given = (self.secrets)(service).map_err(StepError::Failed)?;
        // An older replica may have been made from a description that named others.
        let names = self.sandboxes.secrets(&id).map_err(failed)?;
        let secrets = given.picked(&names).map_err(failed)?;
        let begin = Begin { again: true, secrets: Some(&secrets), ..Begin::default() };
        refusal(self.sandboxes.start(&id, begin, &Silent).map_err(failed)?).map(drop)
    }

    fn stop(&self, text: &str, how: StopHow) -> Result<(), StepError> {
        let grace = how.grace.unwrap_or(Stop::default().grace);
        or_ended(self.sandboxes.stop(&id(text)?, &Stop { signal: how.signal, grace }).map(drop))
    }

    fn go_on(&self, text: &str) -> Result<(), StepError> {
        self.sandboxes.unpause(&id(text)?).map_err(failed)
    }

    fn pause(&self, text: &str) -> Result<(), StepError> {
        or_ended(self.sandboxes.pause(&id(text)?))
    }

    fn rename(&self, text: &str, name: &str) -> Result<(), StepError> {
        match self.sandboxes.rename(&id(text)?, name) {
            Ok(()) | Err(PipelineError::Sandbox(LifecycleError::NotFound(_))) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn remove(&self, text: &str) -> Result<(), StepError> {
        match self.sandboxes.remove(&id(text)?, true) {
            Ok(()) | Err(PipelineError::Sandbox(LifecycleError::NotFound(_))) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn look(&self, text: &str) -> Result<Option<Condition>, StepError> {
        match self.sandboxes.inspect(&id(text)?) {
            Ok(info) => Ok(Some(condition(&info))),
            Err(PipelineError::Sandbox(LifecycleError::NotFound(_))) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn bad_answer(&self, text: &str) -> Result<Option<String>, StepError> {
        match self.sandboxes.inspect(&id(text)?) {
            Ok(info) => Ok(info.bad_answer.as_ref().map(ToString::to_string)),
            Err(PipelineError::Sandbox(LifecycleError::NotFound(_))) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn last_words(&self, text: &str) -> Result<Option<String>, StepError> {
        let logs = match self.sandboxes.logs(&id(text)?, Some(LAST_LINES), false) {
            Ok(logs) => logs,
            Err(PipelineError::Sandbox(LifecycleError::NotFound(_))) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        Ok(last_words(logs.map_while(Result::ok).map(|chunk| chunk.bytes)))
    }
}

/// One of the project's; nothing for anybody else's.
fn resource(
    project: &str,
    name: &StockName,
    labels: &BTreeMap<String, String>,
    subnets: Vec<String>,
) -> Option<SeenResource> {
    let label = |key: &str| labels.get(key).cloned();
    if label(label::PROJECT).as_deref() != Some(project) {
        return None;
    }
    let (key, called) = match label(label::NETWORK) {
        Some(key) => (key, Some(name.to_string())),
        None => (name.as_str().strip_prefix(project)?.strip_prefix('_')?.to_owned(), None),
    };
    let (origin, run) = (label(label::ORIGIN)?, label(label::RUN)?);
    let (gateway, range) = (label(label::GATEWAY), label(label::RANGE));
    let service = label(label::VOLUME_OF);
    Some(SeenResource { key, called, origin, run, subnets, gateway, range, service })
}

/// What an engine was asked for may be there all the same.
fn not_made(error: StockError) -> StepError {
    if error.is_unanswered() { StepError::Unanswered(error.to_string()) } else { failed(error) }
}

fn labels(project: &Project, run: &str, more: impl IntoIterator<Item = String>) -> Result<Labels, StepError> {
    let all = label::of_resource(&project.name, &project.origin, run).into_iter().chain(more);
    Labels::parse(&all.collect::<Vec<_>>()).map_err(failed)
}

/// What does not run, or is not there, is what is wanted.
fn or_ended(done: Result<(), PipelineError>) -> Result<(), StepError> {
    match done {
        Ok(())
        | Err(PipelineError::Sandbox(LifecycleError::NotRunning { .. } | LifecycleError::NotFound(_))) => {
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// What is not there, or somebody else's by the same name, is not ours to remove.
fn or_none(done: Result<(), StockError>) -> Result<(), StepError> {
    match done {
        Ok(())
        | Err(
            StockError::Missing { .. }
            | StockError::NotOurs { .. }
            | StockError::OtherProject { .. }
            | StockError::Own(ProjectError::Missing { .. } | ProjectError::OtherProject { .. }),
        ) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}
