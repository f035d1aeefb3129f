//! A run in which not all came up, and what did is kept.

use std::collections::BTreeSet;

use super::pool::{Progress, Taken};
use super::run::{Course, tidy};
use super::undo;
use crate::desired::Unit;
use crate::error::{Left, LeftState, Reached, StepError};
use crate::journal::{Undo, Unfinished};
use crate::work::{Act, Work};

/// Undoes what was begun of the units that are not up, and nothing else; what is left of those, and how far each came.
pub(super) fn keep(course: &Course<'_>, work: &Work, taken: &Taken) -> (Vec<Left>, Vec<Reached>) {
    let reached: Vec<Reached> = work.units.iter().map(|step| reached(work, taken, *step)).collect();
    let before = work.before.iter().chain(std::iter::repeat(&None));
    let units = course.desired.units.iter().zip(before).zip(&reached);
    let lost: Vec<(&Unit, Option<&str>)> = units
        .filter(|(_, reached)| !matches!(reached, Reached::Up(_)))
        .map(|((unit, before), _)| (unit, before.as_deref()))
        .collect();
    let Unfinished { run, undo } = course.journal.began();
    let undo = undo.into_iter().filter(|undo| lost.iter().any(|(unit, before)| is_of(undo, unit, *before)));
    let mut left = undo::some(course, &Unfinished { run, undo: undo.collect() }, taken);
    // An undo that failed leaves the journal open: what is left is found by whoever undoes the run.
    if left.is_empty() && course.journal.kept().is_ok() {
        let again: BTreeSet<&str> = lost.iter().filter_map(|(_, before)| *before).collect();
        let goes = |act: &&Act| !matches!(act, Act::Remove { id, .. } | Act::Stop { id, .. } if again.contains(id.as_str()));
        left.extend(tidy(course, work.tidy.iter().filter(goes)));
        if left.is_empty() && course.journal.end().is_err() {
            let why = "that the run is over could not be written down".to_owned();
            left.push(Left { what: "the journal".to_owned(), why, state: LeftState::Wrong });
        }
    }
    (left, reached)
}

/// Whether it undoes something of the unit, or of the sandbox that stood for it before.
fn is_of(undo: &Undo, unit: &Unit, before: Option<&str>) -> bool {
    match undo {
        Undo::RemoveNetwork { .. } | Undo::NetworkAgain { .. } | Undo::RemoveVolume { .. } => false,
        Undo::RemoveReplica { service, replica } => *service == unit.service && *replica == unit.replica,
        Undo::StartAgain { id, .. }
        | Undo::StopAgain { id }
        | Undo::PauseAgain { id }
        | Undo::NameBack { id, .. } => before == Some(id.as_str()),
    }
}

fn reached(work: &Work, taken: &Taken, number: usize) -> Reached {
    let act =
        |number: usize| number.checked_sub(1).and_then(|place| work.steps.get(place)).map(|step| &step.act);
    let progress = number.checked_sub(1).and_then(|place| taken.progress.get(place));
    let first = || {
        taken
            .failed
            .as_ref()
            .map_or_else(String::new, |(step, why)| format!("the run was halted: {step}: {why}"))
    };
    match progress {
        Some(Progress::Done(Some(id))) => Reached::Up(id.clone()),
        Some(Progress::Failed(StepError::Interrupted) | Progress::Open) => Reached::NotTried(first()),
        Some(Progress::Failed(error)) => Reached::Failed(error.to_string()),
        Some(Progress::Skipped(behind)) => {
            let behind = act(*behind).map(ToString::to_string).unwrap_or_default();
            Reached::NotTried(format!("it is behind `{behind}`, which was not done"))
        }
        Some(Progress::Done(None)) | None => Reached::NotTried("it is not part of the run".to_owned()),
    }
}
