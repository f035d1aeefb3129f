//! What `run` writes into the trail about an answer, and how it says no.

use perry_sandbox_policy::{AuditField, Denial, Explanation, Target, Verdict};
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::{Decision, Event, Trail};
use serde_json::json;

use super::explain::exit_of;
use super::run::SCHEMA;
use crate::exit::Exit;
use crate::flow::{Answer, Asked, Decided};
use crate::output;
use crate::stop::{self, Stop};

/// What the trail says where content is not what its digest names.
const CONTENT: &str = "content";
/// What it says where a mount would show what decides about runs.
const OWN_FOLDERS: &str = "own-folders";

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

/// The way out where an allowed run is stopped before its start: a refusal goes into the trail, a failure does not.
pub(crate) fn stopped(
    asked: &Asked<'_>,
    trail: Option<&Trail>,
    error: anyhow::Error,
) -> anyhow::Result<Exit> {
    let exit = stop::exit_of(&error);
    if exit == Exit::NotVerified {
        record(asked, trail, None, vec![CONTENT.to_owned()])?;
    } else if exit == Exit::Denied {
        record(asked, trail, None, vec![OWN_FOLDERS.to_owned()])?;
    }
    Err(error)
}

fn codes(denial: &Denial) -> Vec<String> {
    denial.iter().map(|reason| reason.code.to_string()).collect()
}

/// Writes down what the policy wants to know of an approval beyond the line about its start.
pub(crate) fn approve(asked: &Asked<'_>, decided: &Decided<'_>, trail: Option<&Trail>) -> anyhow::Result<()> {
    let include = asked.policy.audit().include;
    if !include.contains(&AuditField::Explain) && !include.contains(&AuditField::Arguments) {
        return Ok(());
    }
    let manifest = Some(decided.evidence().manifest.clone());
    append(asked, trail, Decision { allowed: true, ..decision(asked, manifest, Vec::new()) })
}

fn record(
    asked: &Asked<'_>,
    trail: Option<&Trail>,
    manifest: Option<Digest>,
    reasons: Vec<String>,
) -> anyhow::Result<()> {
    append(asked, trail, decision(asked, manifest, reasons))
}

fn append(asked: &Asked<'_>, trail: Option<&Trail>, decision: Decision) -> anyhow::Result<()> {
    if let Some(trail) = trail {
        trail.append(asked.now, &Event::Decision(decision))?;
    }
    Ok(())
}

/// A denial, with what the policy's `audit.include` asks for.
fn decision(asked: &Asked<'_>, manifest: Option<Digest>, reasons: Vec<String>) -> Decision {
    let include = asked.policy.audit().include;
    let explanation = match &asked.answer {
        Answer::Decided(decided) if include.contains(&AuditField::Explain) => {
            Some(decided.explanation.to_json())
        }
        Answer::Decided(_) | Answer::NotAsked(_) | Answer::NotVerified(_) | Answer::Broken(_) => None,
    };
    Decision {
        policy: asked.policy.digest().as_digest().clone(),
        capability: match &asked.request.target {
            Target::Capability(name) => Some(name.to_string()),
            Target::AdHoc | Target::Service(_) => None,
        },
        manifest,
        allowed: false,
        reasons,
        explanation,
        arguments: include.contains(&AuditField::Arguments).then(|| asked.request.args.clone()),
    }
}
