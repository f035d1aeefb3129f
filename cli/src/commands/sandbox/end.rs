//! `stop` and `rm`.

use std::time::Duration;

use perry_sandbox_pipeline::{Environment, Pipeline};
use perry_sandbox_runner::Stop as Ending;
use serde_json::json;

use super::find::{each, find};
use super::shown;
use crate::args::{RmArgs, StopArgs};
use crate::exit::Exit;
use crate::output;

/// Asks sandboxes to end.
pub(crate) fn stop(args: &StopArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    let ending = Ending { grace: Duration::from_secs(args.time.into()), ..Ending::default() };
    each(&args.names, args.json, |name| {
        let id = find(&sandboxes, name)?;
        let info = sandboxes.stop(&id, &ending)?;
        if !args.json {
            output::result(name);
        }
        Ok((Exit::Done, shown::report(&info)))
    })
}

/// Removes sandboxes.
pub(crate) fn remove(args: &RmArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let pipeline = Pipeline::open(environment.clone())?;
    let sandboxes = pipeline.sandboxes()?;
    each(&args.names, args.json, |name| {
        let id = find(&sandboxes, name)?;
        sandboxes.remove(&id, args.force)?;
        if !args.json {
            output::result(name);
        }
        Ok((Exit::Done, json!({ "id": id, "name": name })))
    })
}
