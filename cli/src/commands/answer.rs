//! How `run` says no.

use perry_sandbox_pipeline::{Answer, Asked};
use perry_sandbox_policy::Explanation;
use serde_json::json;

use super::explain::exit_of;
use super::run::SCHEMA;
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// Says why, and gives the exit code of the refusal.
pub(crate) fn refuse(asked: &Asked<'_>, as_json: bool) -> anyhow::Result<Exit> {
    let exit = exit_of(asked);
    let explanation = match &asked.answer {
        Answer::Broken(error) => return Err(Stop::with(exit, error)),
        Answer::NotVerified(denial) => {
            if as_json {
                output::json(&json!({ "schema": SCHEMA, "verdict": "not-verified", "denial": denial }))?;
            } else {
                output::error(&denial.to_string());
            }
            return Ok(exit);
        }
        Answer::NotAsked(denial) => Explanation::of_denial(&asked.policy, &asked.request, denial, asked.now),
        Answer::Decided(decided) => decided.explanation.clone(),
    };
    if as_json {
        output::json(
            &json!({ "schema": SCHEMA, "verdict": "denied", "explanation": explanation.to_json() }),
        )?;
    } else {
        output::note(&explanation.to_text(output::stderr_has_color()));
    }
    Ok(exit)
}
