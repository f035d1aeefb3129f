//! What a line of the trail says. Never a variable's value or a secret; an argument's value only where the policy asks.

use perry_sandbox_policy::{Evidence, LaunchPlan, PlanDigest, Trial, VerifiedIdentity, VerifiedSignature};
use perry_sandbox_reference::Digest;
use serde::{Deserialize, Serialize};

use crate::egress::EgressUse;
use crate::outcome::{End, Limit, Usage};

/// The place of a line: enough to find it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Number of the line, from 0.
    pub sequence: u64,
    /// Hash of the line.
    pub hash: Digest,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A request was allowed or denied.
    Decision(Decision),
    /// A sandbox is about to be started.
    RunStart(RunStart),
    /// A sandbox that has ended is about to be run again by its supervisor, under the same plan.
    RunAgain(RunAgain),
    /// A run ended.
    RunEnd(RunEnd),
}

/// A verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Decision {
    /// Digest of the resolved policy.
    pub policy: Digest,
    /// What was asked for: a capability's name, or nothing for an ad-hoc image.
    pub capability: Option<String>,
    /// The manifest, where it got so far.
    pub manifest: Option<Digest>,
    /// Whether it may run.
    pub allowed: bool,
    /// Stable codes of the reasons of a denial, such as `PSD203`.
    pub reasons: Vec<String>,
    /// The whole explanation, where the policy's `audit.include` has `explain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<serde_json::Value>,
    /// The values of the arguments, where it has `arguments`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Vec<String>>,
}

/// Who signed, as far as it was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Signature {
    /// The signer's name in the policy.
    pub signer: String,
    /// Whose signature it is: the name may stand for somebody else in the next policy.
    pub by: VerifiedIdentity,
    /// Number of the entry in the transparency log.
    pub log_index: Option<u64>,
}

impl From<&VerifiedSignature> for Signature {
    fn from(signature: &VerifiedSignature) -> Self {
        Self {
            signer: signature.signer.to_string(),
            by: signature.by.clone(),
            log_index: signature.log.as_ref().map(|entry| entry.index),
        }
    }
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunStart {
    /// Digest of the resolved policy.
    pub policy: Digest,
    /// Digest of the plan.
    pub plan: String,
    /// The manifest that runs.
    pub manifest: Digest,
    /// The capability, or nothing for an ad-hoc image.
    pub capability: Option<String>,
    /// The tier.
    pub tier: String,
    /// Backend and version.
    pub backend: String,
    /// The wall.
    pub isolation: String,
    /// Who signed.
    pub signatures: Vec<Signature>,
    /// What the trial of the image rule said, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Whether its system calls were recorded, the recorder answering each as the plan's filter would.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
    /// Whether a program that joins was given a terminal of its own, which is no matter of its plan.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
}

impl RunStart {
    /// What a plan and its evidence say; the plan's digest is passed along because it takes longer than all the rest.
    pub(crate) fn of(plan: &LaunchPlan, digest: &PlanDigest, evidence: &Evidence) -> Self {
        Self {
            policy: plan.policy.clone(),
            plan: digest.to_string(),
            manifest: plan.manifest.clone(),
            capability: plan.capability.as_ref().map(ToString::to_string),
            tier: plan.tier.to_string(),
            backend: format!("{} {}", plan.backend, env!("CARGO_PKG_VERSION")),
            isolation: plan.isolation.to_string(),
            signatures: evidence.signatures.iter().map(Signature::from).collect(),
            trial: evidence.trial.clone(),
            recorded: false,
            terminal: false,
        }
    }
}

/// What is run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunAgain {
    /// Digest of the plan.
    pub plan: String,
    /// Number of the line that says that the run before was started.
    pub started: u64,
    /// How often it has been run again, with this time.
    pub restarts: u32,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RunEnd {
    /// Digest of the plan.
    pub plan: String,
    /// Number of the line that says that it was started.
    pub started: u64,
    /// How the program ended; nothing when it did not start.
    pub end: Option<End>,
    /// Why it did not start: a sentence without values of the request.
    pub failure: Option<String>,
    /// The limit that ended it.
    pub limit: Option<Limit>,
    /// What it used.
    pub usage: Option<Usage>,
    /// Bytes of output that were passed on.
    pub output: u64,
    /// What it did with its egress grant, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressCount>,
}

/// How much went through the egress proxy. Where to is not written down: the hosts that a program asks for are its own
/// words, and could carry anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EgressCount {
    /// Connections that were made.
    pub allowed: u64,
    /// Connections and questions for a name that were refused.
    pub refused: u64,
}

impl From<&EgressUse> for EgressCount {
    fn from(egress: &EgressUse) -> Self {
        Self { allowed: egress.allowed, refused: egress.refused }
    }
}

#[cfg(test)]
mod tests {
    use perry_sandbox_policy::{LogEntry, SignatureFormat};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_signature_is_written_with_what_was_proved() {
        let signed = Digest::of(b"image");
        let key = VerifiedIdentity::Key { fingerprint: Digest::of(b"key") };
        let mut signature = VerifiedSignature {
            signer: "release".parse().unwrap(),
            signed: signed.clone(),
            format: SignatureFormat::Bundle,
            object: signed,
            by: key,
            claims: Vec::new(),
            authority: None,
            times: Vec::new(),
            log: None,
            root: None,
            signed_reference: None,
            serial: None,
            build: None,
        };
        let written = |signature: &VerifiedSignature| json!(Signature::from(signature));
        let fingerprint = Digest::of(b"key").to_string();
        assert_eq!(
            written(&signature),
            json!({"signer": "release", "by": {"key": {"fingerprint": fingerprint}}, "log-index": null})
        );
        signature.by = VerifiedIdentity::Keyless { issuer: "https://i".to_owned(), subject: "s".to_owned() };
        signature.log = Some(LogEntry { log_id: "00".to_owned(), index: 7, url: None });
        let by = json!({"keyless": {"issuer": "https://i", "subject": "s"}});
        assert_eq!(written(&signature), json!({"signer": "release", "by": by, "log-index": 7}));
    }
}
