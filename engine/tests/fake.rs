//! A world in memory that fails at a given call, and can be compared with what it was.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use perry_sandbox_engine::{
    Condition, Desired, Event, Events, Happened, Interrupt, Journal, Membership, NetworkUnit, Options,
    Project, Replica, Seen, SeenResource, StepError, StopHow, Unit, Until, Up, UpError, VolumeUnit, Wait,
    Work, World, reconcile, run,
};
use perry_sandbox_pipeline::{TargetChoice, Upkeep, Wish};
use perry_sandbox_runner::Health;

/// What becomes of a service's sandboxes once they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    Stays,
    Heals,
    Sickens,
    Ends(u8),
    Waits,
    Loops(u32),
}

#[derive(Debug, Default)]
struct State {
    seen: Seen,
    calls: Vec<String>,
    fails_at: Option<usize>,
    fails_after_all: bool,
    fails_on: Option<String>,
    slow: bool,
    late: Option<Duration>,
    unanswered: Option<Duration>,
    next: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    natures: Vec<(&'static str, Nature)>,
}

impl Fake {
    pub(crate) fn new(natures: &[(&'static str, Nature)]) -> Self {
        Self { state: Arc::default(), natures: natures.to_vec() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The calls that changed something, and forgets them.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.state().calls)
    }

    /// From now on the call of this number (from one) fails, before it has an effect or after.
    pub(crate) fn fail_at(&self, call: Option<usize>, after: bool) {
        let mut state = self.state();
        state.calls.clear();
        state.fails_at = call;
        state.fails_after_all = after;
    }

    /// From now on this call fails.
    pub(crate) fn fail_on(&self, call: &str) {
        self.state().fails_on = Some(call.to_owned());
    }

    /// Nobody hears of the next network that is asked for, and it is made so much later.
    pub(crate) fn answers_late(&self, time: Duration) {
        let mut state = self.state();
        (state.late, state.unanswered) = (Some(time), Some(time));
    }

    /// From now on whoever is asked to end does so when it is killed.
    pub(crate) fn stops_slowly(&self) {
        self.state().slow = true;
    }

    /// What there is, without what a new start of the same sandbox changes.
    pub(crate) fn world(&self) -> Seen {
        let mut seen = self.state().seen.clone();
        seen.replicas.sort_by(|a, b| a.id.cmp(&b.id));
        seen.networks.sort_by(|a, b| a.key.cmp(&b.key));
        seen.volumes.sort_by(|a, b| a.key.cmp(&b.key));
        seen
    }

    fn change(
        &self,
        call: String,
        effect: impl FnOnce(&mut State) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let mut state = self.state();
        state.calls.push(call);
        let injected = || StepError::Failed("injected".to_owned());
        let fails =
            state.fails_at == Some(state.calls.len()) || state.fails_on == state.calls.last().cloned();
        if fails && !state.fails_after_all {
            return Err(injected());
        }
        effect(&mut state)?;
        if fails { Err(injected()) } else { Ok(()) }
    }

    fn nature(&self, service: &str) -> Condition {
        let nature =
            self.natures.iter().find(|(name, _)| *name == service).map_or(Nature::Stays, |one| one.1);
        match nature {
            Nature::Stays => Condition::Running(None),
            Nature::Heals => Condition::Running(Some(Health::Healthy)),
            Nature::Sickens => Condition::Running(Some(Health::Unhealthy)),
            Nature::Ends(code) => Condition::Exited(code),
            Nature::Waits => Condition::Running(Some(Health::Starting)),
            Nature::Loops(times) => Condition::Restarted(times),
        }
    }
}

fn gone() -> StepError {
    StepError::Failed("there is none".to_owned())
}

fn one<'a>(state: &'a mut State, id: &str) -> Result<&'a mut Replica, StepError> {
    state.seen.replicas.iter_mut().find(|one| one.id == id).ok_or_else(gone)
}

impl World for Fake {
    fn lateness(&self) -> Duration {
        self.state().late.map_or(Duration::ZERO, |time| time * 20)
    }

    fn seen(&self, _: &str) -> Result<Seen, StepError> {
        Ok(self.state().seen.clone())
    }

    fn create_network(&self, project: &Project, run: &str, network: &NetworkUnit) -> Result<(), StepError> {
        let NetworkUnit { key, called, subnet, gateway, range } = network.clone();
        let (origin, run) = (project.origin.clone(), run.to_owned());
        let subnets = subnet.into_iter().collect();
        let made = SeenResource { key, called, origin, run, subnets, gateway, range, service: None };
        let unanswered = self.state().unanswered.take();
        if let Some(time) = unanswered {
            let state = Arc::clone(&self.state);
            std::thread::spawn(move || {
                std::thread::sleep(time);
                state.lock().unwrap().seen.networks.push(made);
            });
            return Err(StepError::Unanswered("nobody answered".to_owned()));
        }
        self.change(format!("+network {}", network.key), |state| {
            state.seen.networks.push(made);
            Ok(())
        })
    }

    fn remove_network(&self, _: &str, key: &str, called: Option<&str>) -> Result<(), StepError> {
        self.change(format!("-network {key}"), |state| {
            state.seen.networks.retain(|one| one.key != key || one.called.as_deref() != called);
            Ok(())
        })
    }

    fn create_volume(&self, project: &Project, run: &str, volume: &VolumeUnit) -> Result<(), StepError> {
        self.change(format!("+volume {}", volume.key), |state| {
            let VolumeUnit { key, service } = volume.clone();
            let (origin, run) = (project.origin.clone(), run.to_owned());
            state.seen.volumes.push(SeenResource { key, origin, run, service, ..SeenResource::default() });
            Ok(())
        })
    }

    fn remove_volume(&self, _: &str, key: &str) -> Result<(), StepError> {
        self.change(format!("-volume {key}"), |state| {
            state.seen.volumes.retain(|one| one.key != key);
            Ok(())
        })
    }

    fn start(&self, unit: &Unit, member: &Membership) -> Result<String, StepError> {
        let changed = format!("{} {}", unit.service, unit.config);
        let is_other = self.natures.iter().any(|(name, _)| *name == changed);
        let condition = self.nature(if is_other { &changed } else { &unit.service });
        let mut id = String::new();
        self.change(format!("+{}", unit.service), |state| {
            let name = unit.name.clone().unwrap_or_else(|| format!("x-{}", state.next));
            if state.seen.replicas.iter().any(|one| one.name == name) {
                return Err(StepError::Failed(format!("the name {name} is taken")));
            }
            state.next += 1;
            id = format!("{:04}", state.next);
            let (id, member, plan) = (id.clone(), member.clone(), unit.plan.clone());
            state.seen.replicas.push(Replica { id, name, member, plan, condition, paused: false });
            Ok(())
        })?;
        Ok(id)
    }

    fn start_again(&self, id: &str, service: &str) -> Result<(), StepError> {
        let condition = self.nature(service);
        self.change(format!("again {service}"), |state| {
            one(state, id)?.condition = condition;
            Ok(())
        })
    }

    fn stop(&self, id: &str, how: StopHow) -> Result<(), StepError> {
        let kills = how.grace == Some(Duration::ZERO);
        while !kills && self.state().slow && self.look(id)?.is_some_and(|found| found.is_running()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.change(format!("stop {id}"), |state| {
            let one = one(state, id)?;
            if one.condition.is_running() {
                one.condition = Condition::Exited(0);
            }
            Ok(())
        })
    }

    fn go_on(&self, id: &str) -> Result<(), StepError> {
        self.change(format!("unpause {id}"), |state| {
            one(state, id)?.paused = false;
            Ok(())
        })
    }

    fn pause(&self, id: &str) -> Result<(), StepError> {
        self.change(format!("pause {id}"), |state| {
            one(state, id)?.paused = true;
            Ok(())
        })
    }

    fn rename(&self, id: &str, name: &str) -> Result<(), StepError> {
        self.change(format!("name {name}"), |state| {
            if state.seen.replicas.iter().any(|one| one.name == name && one.id != id) {
                return Err(StepError::Failed(format!("the name {name} is taken")));
            }
            if let Ok(one) = one(state, id) {
                name.clone_into(&mut one.name);
            }
            Ok(())
        })
    }

    fn remove(&self, id: &str) -> Result<(), StepError> {
        self.change(format!("-{id}"), |state| {
            state.seen.replicas.retain(|one| one.id != id);
            Ok(())
        })
    }

    fn bad_answer(&self, id: &str) -> Result<Option<String>, StepError> {
        let sick = Condition::Running(Some(Health::Unhealthy));
        Ok((self.look(id)? == Some(sick)).then(|| "ended with code 1 and said `no rows`".to_owned()))
    }

    fn last_words(&self, id: &str) -> Result<Option<String>, StepError> {
        Ok(matches!(self.look(id)?, Some(Condition::Exited(_))).then(|| "no rows".to_owned()))
    }

    fn look(&self, id: &str) -> Result<Option<Condition>, StepError> {
        Ok(one(&mut self.state(), id).ok().map(|one| one.condition.clone()))
    }
}

/// A service that waits for others.
pub(crate) fn unit(service: &str, after: &[(&str, Until)]) -> Unit {
    let wait = |(service, until): &(&str, Until)| Wait {
        service: (*service).into(),
        until: *until,
        required: true,
        restart: false,
    };
    Unit {
        beside: None,
        borrows: Vec::new(),
        service: service.to_owned(),
        replica: 1,
        name: Some(format!("shop-{service}-1")),
        config: "c1".to_owned(),
        plan: "p1".to_owned(),
        wish: Wish::of(TargetChoice::Word(service.to_owned())),
        upkeep: Upkeep::default(),
        secrets: false,
        stop: StopHow::default(),
        after: after.iter().map(wait).collect(),
        networks: vec!["back".to_owned()],
        volumes: Vec::new(),
    }
}

/// A web service behind a database, with a job between them.
pub(crate) fn shop() -> Desired {
    let mut db = unit("db", &[]);
    db.volumes = vec!["data".to_owned()];
    let units = vec![
        db,
        unit("job", &[("db", Until::Healthy)]),
        unit("web", &[("db", Until::Healthy), ("job", Until::Completed)]),
    ];
    Desired {
        project: Project { name: "shop".to_owned(), origin: "here".to_owned() },
        networks: vec![NetworkUnit { key: "back".to_owned(), ..NetworkUnit::default() }],
        external_networks: BTreeSet::new(),
        volumes: vec![VolumeUnit { key: "data".to_owned(), service: None }],
        external_volumes: BTreeSet::new(),
        services: units.iter().map(|unit| unit.service.clone()).collect(),
        none_of: BTreeSet::new(),
        units,
    }
}

/// The world in which [`shop`] comes up.
pub(crate) fn kind_world() -> Fake {
    Fake::new(&[("db", Nature::Heals), ("job", Nature::Ends(0))])
}

pub(crate) struct Silence;

impl Events for Silence {
    fn tell(&self, _: Event) {}
}

/// Asks to stop when a step of this name begins or waits.
pub(crate) struct StopAt<'a>(pub(crate) &'a Interrupt, pub(crate) String);

impl Events for StopAt<'_> {
    fn tell(&self, event: Event) {
        if event.what == self.1 && matches!(event.happened, Happened::Begun | Happened::Waits) {
            self.0.ask();
        }
    }
}

/// One `up`, by this run.
pub(crate) fn up_by(
    fake: &Fake,
    desired: &Desired,
    id: &str,
    interrupt: &Interrupt,
    events: &dyn Events,
) -> (Work, Result<Vec<Option<String>>, Box<UpError>>) {
    up_with(fake, desired, id, Options::default(), (interrupt, events))
}

/// One `up`, in this way but for how long it waits; what it leaves in its journal is undone already.
pub(crate) fn up_with(
    fake: &Fake,
    desired: &Desired,
    id: &str,
    options: Options,
    (interrupt, events): (&Interrupt, &dyn Events),
) -> (Work, Result<Vec<Option<String>>, Box<UpError>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let journal = Journal::begin(&path, id).unwrap();
    let work = reconcile(desired, &fake.seen("shop").unwrap(), Up::default(), id).unwrap();
    let options = Options { patience: Duration::from_millis(50), ..options };
    let done = run(fake, desired, &work, &journal, (options, interrupt), events);
    // Once all is up nothing is undone, and what could not be tidied up is only told.
    let is_left = done.as_ref().is_err_and(|error| error.step.is_some() && !error.left.is_empty());
    assert_eq!(Journal::unfinished(&path).unwrap().is_some(), is_left, "the journal is open: {done:?}");
    (work, done)
}

pub(crate) fn up(
    fake: &Fake,
    desired: &Desired,
    id: &str,
) -> (Work, Result<Vec<Option<String>>, Box<UpError>>) {
    up_by(fake, desired, id, &Interrupt::default(), &Silence)
}
