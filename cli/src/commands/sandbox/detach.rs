//! `run --detach` and `start`.

use perry_sandbox_pipeline::{Begin, Environment, Made, Named, Pipeline, Reply};
use perry_sandbox_policy::Terminal;
use serde_json::json;

use super::find::{each, find};
use super::shown;
use crate::args::{RunArgs, StartArgs, labels, secrets};
use crate::commands::answer;
use crate::commands::run::warn_of_trial;
use crate::exit::Exit;
use crate::output;
use crate::progress::progress;

const SCHEMA: &str = "perry-sandbox/sandbox/v1";

/// Runs the command under a supervisor of its own.
pub(crate) fn detach(args: &RunArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    let named = Named { name: args.name.clone(), labels: labels(&args.label)?, upkeep: args.upkeep.upkeep() };
    let wish = args.request.wish(Terminal::None)?;
    let progress = progress(args.quiet || args.json);
    let secrets = secrets(&args.request.secret)?;
    let begin = Begin { secrets: Some(&secrets), ..Begin::default() };
    match sandboxes.run(&wish, &named, begin, progress.as_ref())? {
        Reply::Refused(asked) => answer::refuse(&asked, args.json),
        Reply::Done(made) => {
            note_exception(&made, args.quiet);
            if args.json {
                output::json(&json!({ "schema": SCHEMA, "sandbox": shown::report(&made.info) }))?;
            } else {
                output::result(made.info.id.as_str());
            }
            Ok(Exit::Done)
        }
    }
}

/// Starts sandboxes again that have ended.
pub(crate) fn start(args: &StartArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    let progress = progress(args.quiet || args.json);
    let secrets = secrets(&args.secret)?;
    each(&args.names, args.json, |name| {
        let id = find(&sandboxes, name)?;
        let begin = Begin { again: true, secrets: Some(&secrets), ..Begin::default() };
        match sandboxes.start(&id, begin, progress.as_ref())? {
            // A refusal prints itself, in both forms.
            Reply::Refused(asked) => {
                Ok((answer::refuse(&asked, false)?, json!({ "name": name, "refused": true })))
            }
            Reply::Done(made) => {
                note_exception(&made, args.quiet);
                warn_of_trial(made.trial.as_ref(), args.quiet);
                if !args.json {
                    output::result(name);
                }
                Ok((Exit::Done, shown::report(&made.info)))
            }
        }
    })
}

fn note_exception(made: &Made, quiet: bool) {
    if let Some(exception) = made.exception.as_ref().filter(|_| !quiet) {
        output::note(&format!(
            "note: allowed by exception {} until {}: {}",
            exception.id, exception.until, exception.reason
        ));
    }
}
