use std::fmt;
use std::time::Duration;

use crate::desired::{Desired, Unit};
use crate::error::{EngineError, Left, StepError, UpError};
use crate::interrupt::Interrupt;
use crate::journal::Journal;
use crate::label::{Membership, Role};
use crate::work::{Act, Begins, Work};
use crate::world::World;

use super::conditions::{Conditions, Reached, Wanted};
use super::event::{Events, Happened, tell};
use super::pool::{self, Pool, Taken, name};
use super::undo;

/// How long a sandbox without a health check must have run before it counts as up, and an older one goes for it.
const SETTLING: Duration = Duration::from_secs(1);

/// How steps are taken.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most steps at once.
    pub parallel: usize,
    /// How long a service may take to be as far as another waits for.
    pub patience: Duration,
    /// Whether all must be well, run, or have ended with code 0, or the run has failed.
    pub wait: bool,
    /// Whether what failed stays, to be looked at.
    pub keep_failed: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { parallel: 16, patience: Duration::from_secs(300), wait: false, keep_failed: false }
    }
}

/// What all steps have in common.
pub(crate) struct Course<'a> {
    pub(crate) world: &'a dyn World,
    pub(crate) desired: &'a Desired,
    pub(crate) journal: &'a Journal,
    pub(super) conditions: Conditions<'a>,
    pub(crate) events: &'a dyn Events,
}

impl fmt::Debug for Course<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Course").field("project", &self.desired.project).finish_non_exhaustive()
    }
}

/// Takes all steps. When it returns an error, all that this run has made is undone, except what the error says is left.
/// The answer has the sandbox of each unit, in the order of [`Desired::units`].
///
/// # Errors
/// A step failed, or somebody asked to stop.
pub fn run(
    world: &dyn World,
    desired: &Desired,
    work: &Work,
    journal: &Journal,
    (options, interrupt): (Options, &Interrupt),
    events: &dyn Events,
) -> Result<Vec<Option<String>>, Box<UpError>> {
    let conditions = Conditions { world, patience: options.patience, interrupt };
    let course = Course { world, desired, journal, conditions, events };
    let pool = Pool::new(&course, &work.steps);
    let taken = pool.run(options.parallel);
    let Taken { ids, failed } = taken;
    if let Some((step, cause)) = failed.or_else(|| proved(&course, work, &ids, options.wait).err()) {
        let left = if options.keep_failed { Vec::new() } else { undo::all(&course) };
        return Err(Box::new(UpError { step: Some(step), cause, left }));
    }
    let not_written = |error: EngineError| {
        let cause = StepError::Failed(error.to_string());
        Box::new(UpError { step: None, cause, left: Vec::new() })
    };
    journal.kept().map_err(not_written)?;
    let left = tidy(&course, &work.tidy);
    if !left.is_empty() {
        let why = left.first().map(|left| left.why.clone()).unwrap_or_default();
        return Err(Box::new(UpError { step: None, cause: StepError::Failed(why), left }));
    }
    journal.end().map_err(not_written)?;
    let of_unit = |step: &usize| ids.get(step.saturating_sub(1)).cloned().flatten();
    Ok(work.units.iter().map(of_unit).collect())
}

/// Whoever takes the place of an older one is well, before that goes; with `all`, every sandbox is. One that was just started
/// and has no health check must have run for a moment, and one that is run again and again is not up.
fn proved(
    course: &Course<'_>,
    work: &Work,
    ids: &[Option<String>],
    all: bool,
) -> Result<(), (String, StepError)> {
    let deadline = course.conditions.deadline();
    let replaces = |act: &Act| matches!(act, Act::Start { begins: Begins::Replacing, .. });
    let starts = |act: &Act| matches!(act, Act::Start { .. } | Act::StartAgain { .. });
    let newer: Vec<(&Act, &String)> = work
        .steps
        .iter()
        .zip(ids)
        .filter_map(|(step, id)| Some((&step.act, id.as_ref()?)))
        .filter(|(act, _)| all || replaces(act))
        .collect();
    let well = |(act, id): &(&Act, &String)| {
        let up = course.conditions.wait(name(act), id, Wanted::Up, deadline, &|| false);
        up.map(|reached| starts(act) && reached == Reached::ForNow).map_err(|error| (act.to_string(), error))
    };
    let mut unsure = newer;
    for pause in [Duration::ZERO, SETTLING] {
        if !unsure.is_empty() {
            std::thread::sleep(pause);
        }
        let mut still = Vec::new();
        for one in unsure {
            if well(&one)? {
                still.push(one);
            }
        }
        unsure = still;
    }
    Ok(())
}

/// What goes once everything else is done. One that fails keeps no other.
fn tidy(course: &Course<'_>, acts: &[Act]) -> Vec<Left> {
    let mut left = Vec::new();
    for act in acts {
        tell(course.events, act, Happened::Begun);
        match pool::act(course, act) {
            Ok(_) => tell(course.events, act, Happened::Done),
            Err(error) => {
                tell(course.events, act, Happened::Failed(error.to_string()));
                left.push(Left { what: act.to_string(), why: error.to_string() });
            }
        }
    }
    left
}

impl Unit {
    /// What its sandbox's labels say.
    pub(crate) fn member(&self, desired: &Desired, run: &str) -> Membership {
        let grace = self.stop.grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        let mut needs: Vec<String> = self.after.iter().map(|wait| wait.service.clone()).collect();
        needs.sort();
        needs.dedup();
        Membership {
            project: desired.project.name.clone(),
            origin: desired.project.origin.clone(),
            service: self.service.clone(),
            replica: self.replica,
            run: run.to_owned(),
            config: self.config.clone(),
            needs,
            role: Role::Replica,
            stop_ms: grace,
            stop_signal: self.stop.signal,
            secrets: self.secrets,
        }
    }
}
