use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use crate::desired::{Desired, Unit};
use crate::error::{EngineError, Left, LeftState, StepError, UpError};
use crate::interrupt::Interrupt;
use crate::journal::Journal;
use crate::label::{Membership, Role};
use crate::work::{Act, Begins, Work};
use crate::world::World;

use super::conditions::{Conditions, Reached, Wanted};
use super::event::{Events, Happened, tell};
use super::partly;
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
    /// What becomes of the rest when a step fails.
    pub failure: OnFailure,
}

/// What becomes of a run when one of its steps fails. Whoever asks to stop has all of it undone, but for `Leave`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// All that the run has made is undone.
    #[default]
    UndoAll,
    /// No more is begun; what is up stays, and of what is not nothing is left.
    Halt,
    /// Only what needs the failed is not begun; what is up stays, and of what is not nothing is left.
    GoOn,
    /// Everything stays as it is, to be looked at, until somebody has the run undone.
    Leave,
}

impl Default for Options {
    fn default() -> Self {
        Self { parallel: 16, patience: Duration::from_secs(300), wait: false, failure: OnFailure::UndoAll }
    }
}

/// What all steps have in common.
pub(crate) struct Course<'a> {
    pub(crate) world: &'a dyn World,
    pub(crate) desired: &'a Desired,
    pub(crate) journal: &'a Journal,
    pub(super) conditions: Conditions<'a>,
    pub(super) failure: OnFailure,
    pub(crate) events: &'a dyn Events,
}

impl Course<'_> {
    /// Whether others go on when a step has failed.
    pub(super) fn goes_on(&self) -> bool {
        self.failure == OnFailure::GoOn
    }

    /// Whether what is up stays when a step has failed.
    fn keeps_some(&self) -> bool {
        matches!(self.failure, OnFailure::Halt | OnFailure::GoOn)
    }
}

impl fmt::Debug for Course<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Course").field("project", &self.desired.project).finish_non_exhaustive()
    }
}

/// Takes all steps. When it returns an error, all that this run has made is undone, except what the error says is left, or
/// what was to be kept. The answer has the sandbox of each unit, in the order of [`Desired::units`].
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
    let course = Course { world, desired, journal, conditions, failure: options.failure, events };
    let mut taken = Pool::new(&course, &work.steps).run(options.parallel);
    if taken.failed.is_none() || course.keeps_some() {
        prove(&course, work, &mut taken, options.wait);
    }
    if let Some((step, cause)) = taken.failed.clone() {
        return Err(Box::new(failed(&course, work, &taken, step, cause)));
    }
    journal.kept().map_err(|error| not_written(&error))?;
    let left = tidy(&course, work.tidy.iter());
    if !left.is_empty() {
        let why = left.first().map(|left| left.why.clone()).unwrap_or_default();
        return Err(Box::new(UpError {
            step: None,
            cause: StepError::Failed(why),
            left,
            reached: Vec::new(),
        }));
    }
    journal.end().map_err(|error| not_written(&error))?;
    Ok(work.units.iter().map(|step| taken.id(*step).cloned()).collect())
}

fn not_written(error: &EngineError) -> Box<UpError> {
    let cause = StepError::Failed(error.to_string());
    Box::new(UpError { step: None, cause, left: Vec::new(), reached: Vec::new() })
}

fn failed(course: &Course<'_>, work: &Work, taken: &Taken, step: String, cause: StepError) -> UpError {
    let (left, reached) = match course.failure {
        OnFailure::Leave => (Vec::new(), Vec::new()),
        OnFailure::Halt | OnFailure::GoOn if !course.conditions.interrupt.is_asked() => {
            partly::keep(course, work, taken)
        }
        OnFailure::UndoAll | OnFailure::Halt | OnFailure::GoOn => (undo::all(course, taken), Vec::new()),
    };
    UpError { step: Some(step), cause, left, reached }
}

/// Whoever takes the place of an older one is well, before that goes; with `all`, every sandbox is. One that was just started
/// and has no health check must have run for a moment, and one that is run again and again is not up. Those that are not have
/// failed.
fn prove(course: &Course<'_>, work: &Work, taken: &mut Taken, all: bool) {
    let deadline = course.conditions.deadline();
    let replaces = |act: &Act| matches!(act, Act::Start { begins: Begins::Replacing, .. });
    let starts = |act: &Act| matches!(act, Act::Start { .. } | Act::StartAgain { .. });
    let newer = work.steps.iter().filter(|step| all || replaces(&step.act));
    let mut unsure: Vec<_> = newer.filter_map(|step| Some((step, taken.id(step.number)?.clone()))).collect();
    for pause in [Duration::ZERO, SETTLING] {
        if !unsure.is_empty() {
            std::thread::sleep(pause);
        }
        unsure.retain(|(step, id)| {
            if taken.failed.is_some() && !course.keeps_some() {
                return false;
            }
            match course.conditions.wait(name(&step.act), id, Wanted::Up, deadline, &|| false) {
                Ok(reached) => starts(&step.act) && reached == Reached::ForNow,
                Err(error) => {
                    taken.fail(step, error);
                    false
                }
            }
        });
    }
}

/// What goes once everything else is done. One that fails keeps no other.
pub(super) fn tidy<'a>(course: &Course<'_>, acts: impl Iterator<Item = &'a Act>) -> Vec<Left> {
    let mut left = Vec::new();
    for act in acts {
        tell(course.events, act, Happened::Begun);
        match pool::act(course, act) {
            Ok(_) => tell(course.events, act, Happened::Done),
            Err(error) => {
                tell(course.events, act, Happened::Failed(error.to_string()));
                left.push(Left { what: act.to_string(), why: error.to_string(), state: LeftState::Wrong });
            }
        }
    }
    left
}

impl Unit {
    /// Services that are to end after it.
    pub(crate) fn needs(&self) -> BTreeSet<&str> {
        self.after.iter().map(|wait| &*wait.service).collect()
    }

    /// What its sandbox's labels say.
    pub(crate) fn member(&self, desired: &Desired, run: &str) -> Membership {
        let grace = self.stop.grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        Membership {
            project: desired.project.name.clone(),
            origin: desired.project.origin.clone(),
            service: self.service.clone(),
            replica: self.replica,
            run: run.to_owned(),
            config: self.config.clone(),
            needs: self.needs().into_iter().map(str::to_owned).collect(),
            beside: self.beside.clone(),
            borrows: self.borrows.clone(),
            role: Role::Replica,
            stop_ms: grace,
            stop_signal: self.stop.signal,
            secrets: self.secrets,
        }
    }
}
