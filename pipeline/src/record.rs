//! What the trail says about an answer.

use perry_sandbox_policy::{AuditField, Denial, Target, Verdict};
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::{Decision, Event, Trail};

use crate::ask::{Answer, Asked};
use crate::error::PipelineError;

/// What the trail says where content is not what its digest names.
const CONTENT: &str = "content";
/// What it says where a mount would show what decides about runs.
const OWN_FOLDERS: &str = "own-folders";

/// What it says where a sandbox runs under another plan than the policy would allow by now.
const OTHER_PLAN: &str = "other-plan";

/// The answer, where it is a refusal, goes into the trail.
pub(crate) fn refusal(asked: &Asked<'_>, trail: Option<&Trail>) -> Result<(), PipelineError> {
    let (manifest, reasons) = match &asked.answer {
        Answer::Broken(_) => (None, vec![CONTENT.to_owned()]),
        Answer::NotVerified(denial) => (
            denial.subject.parse().ok(),
            denial.findings().map(|finding| finding.code.as_str().to_owned()).collect(),
        ),
        Answer::NotAsked(denial) => (None, codes(denial)),
        Answer::Decided(decided) => match &decided.verdict {
            Verdict::Allow(_) => return Ok(()),
            Verdict::Deny(denial) => (Some(decided.evidence().manifest.clone()), codes(denial)),
        },
    };
    append(asked, trail, decision(asked, manifest, reasons))
}

/// An allowed run is stopped before its start, because its content is not what it should be.
pub(crate) fn broken(asked: &Asked<'_>, trail: Option<&Trail>) -> Result<(), PipelineError> {
    append(asked, trail, decision(asked, None, vec![CONTENT.to_owned()]))
}

/// An allowed run is stopped before its start, because of a mount.
pub(crate) fn own_folder(asked: &Asked<'_>, trail: Option<&Trail>) -> Result<(), PipelineError> {
    append(asked, trail, decision(asked, None, vec![OWN_FOLDERS.to_owned()]))
}

/// An allowed program does not join, because the sandbox runs under another plan.
pub(crate) fn other_plan(asked: &Asked<'_>, trail: Option<&Trail>) -> Result<(), PipelineError> {
    append(asked, trail, decision(asked, None, vec![OTHER_PLAN.to_owned()]))
}

/// What the policy wants to know of an approval beyond the line about its start.
pub(crate) fn approval(
    asked: &Asked<'_>,
    manifest: &Digest,
    trail: Option<&Trail>,
) -> Result<(), PipelineError> {
    let include = asked.policy.audit().include;
    if !include.contains(&AuditField::Explain) && !include.contains(&AuditField::Arguments) {
        return Ok(());
    }
    let decision = decision(asked, Some(manifest.clone()), Vec::new());
    append(asked, trail, Decision { allowed: true, ..decision })
}

fn append(asked: &Asked<'_>, trail: Option<&Trail>, decision: Decision) -> Result<(), PipelineError> {
    if let Some(trail) = trail {
        trail.append(asked.now, &Event::Decision(decision))?;
    }
    Ok(())
}

fn codes(denial: &Denial) -> Vec<String> {
    denial.iter().map(|reason| reason.code.to_string()).collect()
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
