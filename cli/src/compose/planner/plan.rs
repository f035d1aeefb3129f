use std::collections::BTreeMap;

use perry_sandbox_stack::{Judged, Lock, StackPlan, plan as make_plan, suggest};
use serde_json::{Value, json};

use super::args::{DeskArgs, PlanArgs};
use super::question::{Question, exit_of};
use super::report::verdicts;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Says what would be done, and what is refused.
pub(crate) fn plan(cli: &Cli, args: &PlanArgs) -> Result<Exit, Failure> {
    let question = Question::read(cli, &args.services)?;
    let pipeline = question.pipeline(&args.desks)?;
    let loaded = pipeline.policy(&args.desks.policy())?;
    let lock = question.lock()?;
    let judged = question.judged(&pipeline, &args.desks, lock.as_ref())?;
    let exit = exit_of(&question.demands, &judged);
    if let Some(problems) = question.demands.problems(&question.stack) {
        output::problems(&problems);
    }
    let policy = loaded.as_ref().map(|loaded| loaded.policy.as_ref());
    if args.suggest_policy {
        match suggest(policy, &question.demands, &judged) {
            Some(text) => output::text(&text)?,
            None => output::note("the policy denies nothing that it could allow"),
        }
        return Ok(exit);
    }
    let made = make_plan(&question.stack, &question.demands, &question.order, &images(&judged));
    if args.json {
        let report = report(&question, &made, &judged, &not_locked(&question, lock.as_ref()));
        output::lines([format!("{report:#}")])?;
    } else {
        let text = format!("{made}\n{}", verdicts(&question.demands, &judged));
        output::text(&output::printable(&text))?;
        if judged.iter().any(|one| one.judgement.is_of_the_policy()) {
            let advice = DeskArgs::advice(loaded.as_ref());
            output::note(advice.unwrap_or("`--suggest-policy` prints what to add to the policy"));
        }
    }
    Ok(exit)
}

/// The images that were asked about, with the digest behind those that are verified.
fn images(judged: &[Judged]) -> BTreeMap<String, String> {
    judged.iter().map(|one| (one.service.clone(), one.pinned())).collect()
}

fn not_locked(question: &Question, lock: Option<&Lock>) -> Vec<String> {
    let Some(lock) = lock else { return Vec::new() };
    let mut missing: Vec<String> =
        question.images().into_values().filter(|image| !lock.images.contains_key(image)).collect();
    missing.sort();
    missing.dedup();
    missing
}

fn report(question: &Question, made: &StackPlan, judged: &[Judged], missing: &[String]) -> Value {
    let sources = &question.stack.sources;
    let refused = question.demands.all_refused();
    let notes: BTreeMap<&String, &Vec<String>> =
        question.demands.services.iter().map(|(name, demand)| (name, &demand.notes)).collect();
    json!({
        "schema": "perry-sandbox/compose-plan/v1",
        "project": question.stack.name,
        "allowed": exit_of(&question.demands, judged) == Exit::Done,
        "plan": made,
        "services": judged.iter().map(Judged::to_json).collect::<Vec<_>>(),
        "refused": refused.iter().map(|field| field.to_json(sources)).collect::<Vec<_>>(),
        "notes": notes,
        "not-locked": missing,
    })
}
