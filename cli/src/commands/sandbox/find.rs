//! From what a person typed to a sandbox.

use perry_sandbox_pipeline::{Class, LongRunning, PipelineError};
use perry_sandbox_runner::{Filter, LifecycleError, SandboxId};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output;
use crate::stop::{Stop, exit_of, message};

/// Names beyond these are not listed.
const MOST_NAMES: usize = 20;

/// Finds a sandbox by name, id, or the beginning of an id.
///
/// # Errors
/// There is none, or several; the message says what there is.
pub(super) fn find(sandboxes: &LongRunning<'_>, text: &str) -> anyhow::Result<SandboxId> {
    sandboxes.find(text).map_err(|error| {
        if error.class() == Class::NotFound { not_found(sandboxes, text) } else { error.into() }
    })
}

fn not_found(sandboxes: &LongRunning<'_>, text: &str) -> anyhow::Error {
    let known = sandboxes.list(&Filter { all: true, ..Filter::default() }).unwrap_or_default();
    let names: Vec<_> = known.iter().take(MOST_NAMES).map(|info| info.name.as_str()).collect();
    let more = known.len().saturating_sub(names.len());
    let what = match (names.is_empty(), more) {
        (true, _) => "there is none".to_owned(),
        (false, 0) => format!("there is {}", names.join(", ")),
        (false, _) => format!("there is {} and {more} more", names.join(", ")),
    };
    let text: String = text.chars().take(80).collect();
    Stop::with(Exit::Failure, format!("there is no sandbox `{text}`: {what}"))
}

/// Does the same with several sandboxes. One that fails does not keep the others from their turn; the exit code is the
/// first that is not 0. With `as_json` one object about all of them is printed at the end.
pub(super) fn each(
    names: &[String],
    as_json: bool,
    mut act: impl FnMut(&str) -> anyhow::Result<(Exit, Value)>,
) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    let mut reports = Vec::new();
    for name in names {
        let own = match act(name) {
            Ok((own, report)) => {
                reports.push(report);
                own
            }
            // One failure among one is the command's own.
            Err(error) if names.len() == 1 => return Err(error),
            Err(error) => {
                let (own, message) = (exit_of(&error), message(&error));
                if as_json {
                    reports.push(json!({ "name": name, "exit": own.code(), "error": message }));
                } else {
                    output::error(&message);
                }
                own
            }
        };
        if exit == Exit::Done {
            exit = own;
        }
    }
    if as_json {
        output::json(&list(&reports))?;
    }
    Ok(exit)
}

/// Several sandboxes, for scripts.
pub(super) fn list(reports: &[Value]) -> Value {
    json!({ "schema": "perry-sandbox/sandboxes/v1", "sandboxes": reports })
}

/// Whether the time was over before the sandbox ended.
pub(super) fn is_still_running(error: &PipelineError) -> bool {
    matches!(error, PipelineError::Sandbox(LifecycleError::StillRunning(_)))
}
