//! `wait`.

use perry_sandbox_pipeline::{Environment, Pipeline};
use perry_sandbox_policy::WallTime;

use super::find::{each, find, is_still_running};
use super::shown;
use crate::args::WaitArgs;
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// Waits for sandboxes and passes their exit code on.
pub(crate) fn wait(args: &WaitArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    let patience = args.timeout.map(WallTime::duration);
    each(&args.names, args.json, |name| {
        let id = find(&sandboxes, name)?;
        let info = sandboxes.wait(&id, patience).map_err(|error| {
            if is_still_running(&error) { Stop::with(Exit::TimeOut, error) } else { error.into() }
        })?;
        let exit = shown::exit(&info).unwrap_or(Exit::Failure);
        if !args.json {
            output::result(&exit.code().to_string());
        }
        // The program's own 0 is a success like any other.
        Ok((if exit.code() == 0 { Exit::Done } else { exit }, shown::report(&info)))
    })
}
