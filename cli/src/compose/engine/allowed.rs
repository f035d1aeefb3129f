use perry_sandbox_stack::Judged;

use super::site::Site;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::planner::{DeskArgs, Question, exit_of, verdicts};

/// What policy and verifier say of the services.
pub(super) enum Asked {
    /// All are allowed.
    Allowed(Vec<Judged>),
    /// Not all are; the reasons are told.
    Refused(Exit),
}

/// Asks about all services of a question.
pub(super) fn ask(question: &Question, site: &Site, desks: &DeskArgs) -> Result<Asked, Failure> {
    // One that cannot be read is in the way of all of them, and is told once.
    let policy = site.pipeline.policy(&desks.policy())?;
    let lock = question.lock()?;
    let judged = question.judged(&site.pipeline, desks, lock.as_ref())?;
    let exit = exit_of(&question.demands, &judged);
    if exit == Exit::Done {
        return Ok(Asked::Allowed(judged));
    }
    if let Some(problems) = question.demands.problems(&question.stack) {
        output::problems(&problems);
    }
    output::note(&verdicts(&question.demands, &judged));
    let mut note = "nothing was done".to_owned();
    if judged.iter().any(|one| one.judgement.is_of_the_policy()) {
        let suggest = "`perry-compose plan --suggest-policy` prints what a policy would have to allow";
        note.push_str("; ");
        note.push_str(DeskArgs::advice(policy.as_ref()).unwrap_or(suggest));
    }
    output::note(&note);
    Ok(Asked::Refused(exit))
}
