//! A "no" to `run`: into the trail first, then to the user.

use perry_sandbox_policy::{Denial, Explanation, Target, Verdict};
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::{Decision, Event, Trail};
use serde_json::json;

use super::explain::exit_of;
use super::run::SCHEMA;
use crate::exit::Exit;
use crate::flow::{Answer, Asked};
use crate::output;
use crate::stop::{self, Stop};

/// What the trail says where content is not what its digest names.
const CONTENT: &str = "content";

/// Writes the answer into the trail, says why, and gives its exit code.
pub(crate) fn refuse(asked: &Asked<'_>, trail: Option<&Trail>, as_json: bool) -> anyhow::Result<Exit> {
    let exit = exit_of(asked);
    let explanation = match &asked.answer {
        Answer::Broken(error) => {
            record(asked, trail, None, vec![CONTENT.to_owned()])?;
            return Err(Stop::with(exit, stop::message(error)));
        }
        Answer::NotVerified(denial) => {
            let reasons = denial.findings().map(|finding| finding.code.as_str().to_owned()).collect();
            record(asked, trail, denial.subject.parse().ok(), reasons)?;
            if as_json {
                output::json(&json!({ "schema": SCHEMA, "verdict": "not-verified", "denial": denial }))?;
            } else {
                output::error(&denial.to_string());
            }
            return Ok(exit);
        }
        Answer::NotAsked(denial) => {
            record(asked, trail, None, codes(denial))?;
            Explanation::of_denial(&asked.policy, &asked.request, denial, asked.now)
        }
        Answer::Decided(decided) => {
            let reasons = match &decided.verdict {
                Verdict::Allow(_) => Vec::new(),
                Verdict::Deny(denial) => codes(denial),
            };
            record(asked, trail, Some(decided.evidence().manifest.clone()), reasons)?;
            decided.explanation.clone()
        }
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

/// The way out where layers could not be fetched or unpacked; a fault of their content goes into the trail.
pub(crate) fn content(
    asked: &Asked<'_>,
    trail: Option<&Trail>,
    error: anyhow::Error,
) -> anyhow::Result<Exit> {
    if stop::exit_of(&error) == Exit::NotVerified {
        record(asked, trail, None, vec![CONTENT.to_owned()])?;
    }
    Err(error)
}

fn codes(denial: &Denial) -> Vec<String> {
    denial.iter().map(|reason| reason.code.to_string()).collect()
}

fn record(
    asked: &Asked<'_>,
    trail: Option<&Trail>,
    manifest: Option<Digest>,
    reasons: Vec<String>,
) -> anyhow::Result<()> {
    let Some(trail) = trail else { return Ok(()) };
    let capability = match &asked.request.target {
        Target::Capability(name) => Some(name.to_string()),
        Target::AdHoc | Target::Service(_) => None,
    };
    let policy = asked.policy.digest().as_digest().clone();
    let decision = Decision { policy, capability, manifest, allowed: false, reasons };
    trail.append(asked.now, &Event::Decision(decision))?;
    Ok(())
}
