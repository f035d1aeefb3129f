//! The desk itself: a request and an image in, a requirement or a denial out.

use perry_sandbox_reference::Repository;

use super::entry::{entry_of, rule_for};
use super::question::requirement;
use crate::denial::{Denial, DenyCode, DenyReason, Reasons};
use crate::names::{ImageRuleName, TierName};
use crate::policy::Policy;
use crate::request::Request;
use crate::requirement::Requirement;

/// What is known about an image before anything is verified.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImageSubject {
    /// The repository that it comes from, or that `--repository` names; nothing for a bare layout or archive.
    pub repository: Option<Repository>,
}

/// The answer of the first desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Required {
    /// What the verifier must find.
    pub requirement: Requirement,
    /// The image rule that asks.
    pub rule: Option<ImageRuleName>,
    /// The tier that will apply.
    pub tier: TierName,
}

/// Decides what must be proved about an image before it may run.
///
/// A capability names its image rule. For everything else the rule is found by the image's repository: of the rules
/// that the entry lists, the one that covers the repository by most whole path components.
///
/// A signer on the command line never replaces a rule: where a rule covers the image, both must hold, so only those
/// of the rule's signers count that are the command line's too. Where no rule covers it, the command line's signer is
/// enough for an ad-hoc run only, and only if the policy has no `[ad-hoc]` entry.
///
/// # Errors
///
/// Every reason why no requirement can be met.
pub fn decide_requirement(
    policy: &Policy,
    request: &Request,
    image: &ImageSubject,
) -> Result<Required, Denial> {
    let mut reasons = Reasons::new(policy.anchor());
    let answer = required(policy, request, image, &mut reasons);
    match (reasons.into_denial(), answer) {
        (None, Some(answer)) => Ok(answer),
        (Some(denial), _) => Err(denial),
        (None, None) => Err(Denial::one(DenyReason::new(
            DenyCode::NoEntry,
            "image",
            "an entry of the policy",
            "none applies",
            [Some(policy.anchor())],
        ))),
    }
}

fn required(
    policy: &Policy,
    request: &Request,
    image: &ImageSubject,
    reasons: &mut Reasons,
) -> Option<Required> {
    let entry = entry_of(policy, request, reasons)?;
    let tier =
        crate::decide::ceiling_of(policy, request, &entry, reasons).map(|applied| applied.name.clone());
    let rule = rule_for(policy, &entry, image.repository.as_ref(), None, reasons)?;
    let rule = rule.rule();
    let requirement = requirement(policy, rule, image.repository.as_ref(), reasons)?;
    Some(Required { rule: rule.map(|(name, _, _)| name.clone()), requirement, tier: tier? })
}
