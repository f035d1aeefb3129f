mod beside;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::down::{in_order, stops};
use crate::desired::{Desired, NetworkUnit, Project, StopHow, Unit, Until};
use crate::error::EngineError;
use crate::label::{Role, can_be_said};
use crate::work::{Act, After, Begins, Step, Work};
use crate::world::{Replica, Seen, SeenResource};

/// What is in the name of a sandbox that makes room for a newer one.
const ASIDE: &str = ".old-";

/// Which replicas are made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recreate {
    /// Those that have changed.
    #[default]
    Changed,
    /// All.
    Always,
    /// None.
    Never,
}

/// How a project is brought up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Up {
    /// Which replicas are made anew.
    pub recreate: Recreate,
    /// Whether sandboxes of services that the project has no more are removed.
    pub remove_orphans: bool,
}

/// The steps from `seen` to `desired`. For a world that is as desired, every step keeps something.
///
/// # Errors
/// A network or volume of others is not there, what is there belongs to another folder's project, or is a network with other
/// addresses and nothing is to be made anew.
pub fn reconcile(desired: &Desired, seen: &Seen, up: Up, run: &str) -> Result<Work, EngineError> {
    refuse_others(desired, seen)?;
    if let Some(missing) =
        desired.external_networks.iter().find(|name| !seen.foreign_networks.contains(*name))
    {
        return Err(EngineError::NoExternal(missing.clone()));
    }
    if let Some(name) = desired.external_volumes.iter().find(|name| !seen.all_volumes.contains(*name)) {
        return Err(EngineError::NoVolume(name.clone()));
    }
    for unit in &desired.units {
        // With repetitions it is more than is said: most never come to the second look, which sorts them.
        let fits = can_be_said(unit.after.iter().map(|wait| &*wait.service));
        if !fits && !can_be_said(unit.needs().into_iter()) {
            let (service, count) = (unit.service.clone(), unit.needs().len());
            return Err(EngineError::TooManyNeeds { service, count });
        }
    }
    let mut builder = Builder::new(desired, seen, up, run);
    builder.networks()?;
    builder.volumes();
    let renewed = builder.renewed();
    builder.neighbours(&renewed);
    for (index, unit) in desired.units.iter().enumerate() {
        builder.unit(index, unit, &renewed);
    }
    builder.strangers_again();
    builder.leftovers();
    Ok(builder.work)
}

/// What of a network is not as it is to be, and what it is to be.
fn unlike(network: &NetworkUnit, seen: &SeenResource) -> Option<(String, String)> {
    if network.called != seen.called {
        let name = |called: &Option<String>| match called {
            Some(name) => format!("the name `{name}`"),
            None => "no name of its own".to_owned(),
        };
        return Some((name(&seen.called), name(&network.called)));
    }
    if let Some(wanted) = network.subnet.as_ref().filter(|one| !seen.subnets.contains(*one)) {
        return Some((format!("the addresses {}", seen.subnets.join(", ")), wanted.clone()));
    }
    let parts = [("gateway", &network.gateway, &seen.gateway), ("range", &network.range, &seen.range)];
    let (part, wanted, found) = parts.into_iter().find(|(_, wanted, found)| wanted != found)?;
    let words = |value: &Option<String>| match value {
        Some(value) => format!("the {part} {value}"),
        None => format!("no {part}"),
    };
    Some((words(found), words(wanted)))
}

fn refuse_others(desired: &Desired, seen: &Seen) -> Result<(), EngineError> {
    let Project { name, origin } = &desired.project;
    seen.refuse_others(name, Some(origin))
}

/// What becomes of what there is of one unit.
enum Fate<'a> {
    /// There is none.
    Make,
    Keep(&'a Replica),
    /// It is paused, and else as it is to be.
    GoOn(&'a Replica),
    StartAgain(&'a Replica),
    /// It runs as it is to be, and is started again because one that it needs is.
    Restart(&'a Replica),
    MakeAnew(&'a Replica),
}

impl<'a> Fate<'a> {
    fn found(&self) -> Option<&'a Replica> {
        match self {
            Self::Make => None,
            Self::Keep(found)
            | Self::GoOn(found)
            | Self::StartAgain(found)
            | Self::Restart(found)
            | Self::MakeAnew(found) => Some(found),
        }
    }
}

struct Builder<'a> {
    desired: &'a Desired,
    seen: &'a Seen,
    up: Up,
    run: &'a str,
    work: Work,
    networks: BTreeMap<&'a str, usize>,
    volumes: BTreeMap<&'a str, usize>,
    /// The steps that end sandboxes whose networks are replaced.
    stopped: BTreeMap<&'a str, usize>,
    /// The steps behind which each service's replicas run; looked up for every wait.
    started: HashMap<&'a str, Vec<usize>>,
    /// Services of which a replica is not kept as it is.
    moved: BTreeSet<&'a str>,
    /// The steps that end those who share a service's network.
    left: BTreeMap<&'a str, Vec<usize>>,
    /// The sandboxes that stand for a unit.
    used: BTreeSet<&'a str>,
}

impl<'a> Builder<'a> {
    fn new(desired: &'a Desired, seen: &'a Seen, up: Up, run: &'a str) -> Self {
        Self {
            desired,
            seen,
            up,
            run,
            work: Work::default(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            stopped: BTreeMap::new(),
            started: HashMap::new(),
            moved: BTreeSet::new(),
            left: BTreeMap::new(),
            used: BTreeSet::new(),
        }
    }

    fn add(&mut self, act: Act, after: Vec<After>) -> usize {
        let number = self.work.steps.len().saturating_add(1);
        self.work.steps.push(Step { number, act, after });
        number
    }

    fn networks(&mut self) -> Result<(), EngineError> {
        let changed = self.changed_networks()?;
        self.empty(&changed);
        let stopped: BTreeSet<usize> = self.stopped.values().copied().collect();
        let stopped: Vec<After> = stopped.into_iter().map(done).collect();
        for network in &self.desired.networks {
            let act = match self.seen.networks.iter().find(|seen| seen.key == network.key) {
                None => Act::CreateNetwork(network.clone()),
                Some(was) if changed.contains(network.key.as_str()) => {
                    Act::ReplaceNetwork { network: network.clone(), was: was.clone() }
                }
                Some(_) => continue,
            };
            let after = if matches!(act, Act::ReplaceNetwork { .. }) { stopped.clone() } else { Vec::new() };
            let step = self.add(act, after);
            self.networks.insert(&network.key, step);
        }
        Ok(())
    }

    /// Networks that are there with other addresses, or another name, than they are to have.
    fn changed_networks(&self) -> Result<BTreeSet<&'a str>, EngineError> {
        let mut changed = BTreeSet::new();
        for network in &self.desired.networks {
            let Some(seen) = self.seen.networks.iter().find(|seen| seen.key == network.key) else { continue };
            let Some((found, wanted)) = unlike(network, seen) else { continue };
            if self.up.recreate == Recreate::Never {
                return Err(EngineError::OtherNetwork { key: network.key.clone(), found, wanted });
            }
            changed.insert(network.key.as_str());
        }
        Ok(changed)
    }

    /// Ends whoever is in these networks: whoever needs another before that.
    fn empty(&mut self, networks: &BTreeSet<&str>) {
        let units = || self.desired.units.iter();
        let joins = |unit: &Unit| unit.networks.iter().any(|key| networks.contains(key.as_str()));
        let shares = |unit: &Unit| {
            let other = unit.beside.as_ref();
            other.is_some_and(|other| units().any(|one| one.service == *other && joins(one)))
        };
        let inside = units().filter(|unit| joins(unit) || shares(unit));
        let running = inside.filter_map(|unit| self.found(unit)).filter(|found| found.condition.is_running());
        let beside = |one: &&Replica| {
            let other = one.member.beside.as_ref();
            other.is_some_and(|other| units().any(|unit| unit.service == *other && joins(unit)))
        };
        let going = in_order(running.chain(self.strangers().filter(beside)).collect());
        self.work.steps.extend(stops(&going, None));
        self.stopped.extend((1..).zip(going).map(|(step, found)| (found.id.as_str(), step)));
    }

    fn volumes(&mut self) {
        for volume in &self.desired.volumes {
            if !self.seen.volumes.iter().any(|seen| seen.key == volume.key) {
                let step = self.add(Act::CreateVolume(volume.clone()), Vec::new());
                self.volumes.insert(&volume.key, step);
            }
        }
    }

    /// The sandbox that stands for a unit: one that runs before one that does not, and what was set aside never.
    fn found(&self, unit: &Unit) -> Option<&'a Replica> {
        let fits = |one: &&Replica| {
            let member = &one.member;
            member.role == Role::Replica && member.service == unit.service && member.replica == unit.replica
        };
        let of_unit = self.seen.replicas.iter().filter(fits).filter(|one| !is_aside(one));
        of_unit.max_by_key(|one| (one.condition.is_running(), &one.id))
    }

    fn has_changed(&self, unit: &Unit, found: &Replica) -> bool {
        match self.up.recreate {
            Recreate::Always => true,
            Recreate::Never => false,
            Recreate::Changed => {
                let misses = |keys: &[String], new: &BTreeMap<&str, usize>| {
                    keys.iter().any(|key| new.contains_key(key.as_str()))
                };
                found.member.config != unit.config
                    || found.plan != unit.plan
                    || misses(&unit.networks, &self.networks)
                    || misses(&unit.volumes, &self.volumes)
            }
        }
    }

    /// Services of which a replica is made anew.
    fn renewed(&self) -> BTreeSet<&'a str> {
        let units = self.desired.units.iter();
        let renewed = units.filter(|unit| self.found(unit).is_none_or(|found| self.has_changed(unit, found)));
        renewed.map(|unit| unit.service.as_str()).collect()
    }

    fn fate(&self, unit: &Unit, renewed: &BTreeSet<&str>) -> Fate<'a> {
        let Some(found) = self.found(unit) else { return Fate::Make };
        if self.has_changed(unit, found) {
            return Fate::MakeAnew(found);
        }
        if !found.condition.is_running() {
            return Fate::StartAgain(found);
        }
        let follows = unit.after.iter().any(|wait| wait.restart && renewed.contains(&*wait.service));
        let lost = unit.beside.as_ref().is_some_and(|other| self.moved.contains(other.as_str()));
        if follows || lost {
            Fate::Restart(found)
        } else if found.paused {
            Fate::GoOn(found)
        } else {
            Fate::Keep(found)
        }
    }

    fn unit(&mut self, index: usize, unit: &'a Unit, renewed: &BTreeSet<&str>) {
        let mut after = self.waits(unit);
        let fate = self.fate(unit, renewed);
        self.work.before.push(fate.found().map(|found| found.id.clone()));
        let name = unit.name.clone().unwrap_or_else(|| format!("{} {}", unit.service, unit.replica));
        let step = match fate {
            Fate::Make => self.add(Act::Start { unit: index, name, begins: Begins::First }, after),
            Fate::Keep(found) => {
                self.used.insert(&found.id);
                // It runs: what it was to wait for is over.
                self.add(Act::Keep { id: found.id.clone(), name: found.name.clone() }, Vec::new())
            }
            Fate::GoOn(found) => {
                self.used.insert(&found.id);
                self.add(Act::GoOn { id: found.id.clone(), name: found.name.clone() }, Vec::new())
            }
            Fate::StartAgain(found) => {
                self.used.insert(&found.id);
                self.add(again(found), after)
            }
            Fate::Restart(found) => {
                self.used.insert(&found.id);
                let stopped = self.stopped.get(found.id.as_str()).copied();
                let stopped = stopped.unwrap_or_else(|| self.end(found, unit));
                after.push(done(stopped));
                self.add(again(found), after)
            }
            Fate::MakeAnew(found) => {
                self.used.insert(&found.id);
                if let Some(aside) = self.make_room(found, unit) {
                    after.push(done(aside));
                }
                self.work.tidy.push(remove(found));
                self.add(Act::Start { unit: index, name, begins: Begins::Replacing }, after)
            }
        };
        self.work.units.push(step);
        self.started.entry(&unit.service).or_default().push(step);
    }

    /// Ends a sandbox, behind those who share its network: where that is undone they come back after it.
    fn end(&mut self, found: &Replica, unit: &Unit) -> usize {
        let behind = self.left.get(unit.service.as_str()).into_iter().flatten();
        let behind = behind.copied().map(done).collect();
        self.add(stop(found, unit.stop), behind)
    }

    /// What is behind the ending of an older sandbox, which keeps its ports and name until then.
    fn make_room(&mut self, found: &Replica, unit: &Unit) -> Option<usize> {
        let mut last = self.stopped.get(found.id.as_str()).copied();
        if last.is_none() && found.condition.is_running() {
            last = Some(self.end(found, unit));
        }
        if unit.name.as_ref() == Some(&found.name) {
            let aside = Act::SetAside {
                id: found.id.clone(),
                name: found.name.clone(),
                aside: aside(found, self.run),
            };
            last = Some(self.add(aside, last.map(done).into_iter().collect()));
        }
        last
    }

    fn waits(&self, unit: &Unit) -> Vec<After> {
        let made = unit.networks.iter().filter_map(|key| self.networks.get(key.as_str()));
        let made = made.chain(unit.volumes.iter().filter_map(|key| self.volumes.get(key.as_str())));
        let mut after: Vec<After> = made.copied().map(done).collect();
        for wait in &unit.after {
            let steps = self.started.get(&*wait.service).into_iter().flatten();
            after.extend(steps.map(|step| After { step: *step, until: wait.until, required: wait.required }));
        }
        after
    }

    /// Whether it is of a service that is asked for, or an orphan that is to be removed: what stands for no unit goes.
    fn goes(&self, one: &Replica) -> bool {
        let service = &one.member.service;
        let is_asked = self.desired.none_of.contains(service)
            || self.desired.units.iter().any(|unit| unit.service == *service);
        let is_orphan = self.up.remove_orphans && !self.desired.services.contains(service);
        one.member.role == Role::Replica && (is_asked || is_orphan)
    }

    /// Replicas that are too many, what was set aside by a run that was killed, and orphans.
    fn leftovers(&mut self) {
        let left = self.seen.replicas.iter().filter(|one| !self.used.contains(one.id.as_str()));
        let left: Vec<&Replica> = left.filter(|one| self.goes(one)).collect();
        for one in left {
            if one.condition.is_running() {
                self.work.tidy.push(stop(one, one.member.stop_how()));
            }
            self.work.tidy.push(remove(one));
        }
    }
}

pub(super) const fn done(step: usize) -> After {
    After { step, until: Until::Started, required: true }
}

fn stop(found: &Replica, how: StopHow) -> Act {
    let service = found.member.service.clone();
    Act::Stop { id: found.id.clone(), name: found.name.clone(), how, service }
}

pub(super) fn again(found: &Replica) -> Act {
    let service = found.member.service.clone();
    Act::StartAgain { id: found.id.clone(), name: found.name.clone(), service }
}

pub(super) fn remove(found: &Replica) -> Act {
    Act::Remove { id: found.id.clone(), name: found.name.clone() }
}

/// The name of what is set aside: of its id, so that no two have one, and of this run.
fn aside(found: &Replica, run: &str) -> String {
    format!("{}{ASIDE}{run}", short(found))
}

fn short(found: &Replica) -> String {
    found.id.chars().take(16).collect()
}

/// Whether it has made room for a newer one.
fn is_aside(one: &Replica) -> bool {
    one.name.strip_prefix(&short(one)).is_some_and(|rest| rest.starts_with(ASIDE))
}
