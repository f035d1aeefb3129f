use perry_sandbox_pipeline::Class;
use perry_sandbox_policy::{DenyKind, DenyReason, Explanation, PlanDigest};
use perry_sandbox_reference::{Digest, Repository};
use serde_json::{Value, json};

use crate::demand::RefusedField;
use crate::lock::pinned;

/// What the desks say of a service.
#[derive(Debug, Clone)]
pub struct Judged {
    /// The service.
    pub service: String,
    /// The image that was asked about, by its digest if a lock says it.
    pub image: String,
    /// The repository that it was built as, where it was built here.
    pub built: Option<Repository>,
    /// What was proved about it; nothing if it did not come so far.
    pub signed: Option<Signed>,
    /// The verdict.
    pub judgement: Judgement,
    /// The verdict line by line, where the policy gave one.
    pub explanation: Option<Explanation>,
}

/// An image that is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What its name stands for.
    pub digest: Digest,
    /// Who signed it, by the policy's names.
    pub signers: Vec<String>,
}

/// A plan that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Its digest.
    pub plan: PlanDigest,
    /// The backend that it is for.
    pub backend: String,
}

/// A verdict.
#[derive(Debug, Clone)]
pub enum Judgement {
    /// It may run, under this plan.
    Allowed(Allowed),
    /// The policy, or this machine, says no.
    Denied(Vec<DenyReason>),
    /// The plan that the policy allows is not what the file demands.
    Unlike(Vec<RefusedField>),
    /// The image is not what it should be.
    NotVerified(String),
    /// Something is in the way.
    Failed(Class, String),
}

impl Judgement {
    /// Whether it may run.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }

    /// Whether the policy is what says no: then no other machine or signature would help.
    pub fn is_of_the_policy(&self) -> bool {
        match self {
            Self::Denied(reasons) => reasons.iter().any(|reason| reason.code.kind() == DenyKind::Policy),
            Self::Unlike(_) => true,
            Self::Failed(class, _) => *class == Class::Denied,
            Self::Allowed(_) | Self::NotVerified(_) => false,
        }
    }

    /// Whether what is proved about the image is not enough.
    pub fn is_of_the_verifier(&self) -> bool {
        match self {
            Self::Denied(reasons) => reasons.iter().any(|reason| reason.code.kind() == DenyKind::NotVerified),
            Self::NotVerified(_) => true,
            Self::Failed(class, _) => *class == Class::NotVerified,
            Self::Allowed(_) | Self::Unlike(_) => false,
        }
    }

    /// The reasons, one a line; nothing if there are none.
    pub fn reasons(&self) -> Vec<String> {
        match self {
            Self::Allowed(_) => Vec::new(),
            Self::Denied(reasons) => reasons.iter().map(with_remedy).collect(),
            Self::Unlike(fields) => fields
                .iter()
                .map(|field| format!("{}: {} ({})", field.attribute, field.why, field.instead))
                .collect(),
            Self::NotVerified(text) | Self::Failed(_, text) => text.lines().map(str::to_owned).collect(),
        }
    }

    /// One word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Allowed(_) => "allowed",
            Self::Denied(_) if self.is_of_the_policy() => "denied",
            Self::Denied(_) if self.is_of_the_verifier() => "not-verified",
            Self::Denied(_) => "not-available",
            Self::Unlike(_) => "denied",
            Self::NotVerified(_) => "not-verified",
            Self::Failed(_, _) => "failed",
        }
    }
}

fn with_remedy(reason: &DenyReason) -> String {
    match &reason.remedy {
        Some(remedy) => format!("{reason} ({remedy})"),
        None => reason.to_string(),
    }
}

fn as_json(reason: &DenyReason) -> Value {
    json!({
        "code": reason.code,
        "row": reason.row,
        "wanted": reason.wanted,
        "found": reason.found,
        "remedy": reason.remedy,
        "text": with_remedy(reason),
    })
}

impl Judged {
    /// The image by its digest, if it is verified; else as it was asked about.
    pub fn pinned(&self) -> String {
        let pinned = self.signed.as_ref().and_then(|signed| pinned(&self.image, &signed.digest));
        pinned.unwrap_or_else(|| self.image.clone())
    }

    /// The verdict for programs.
    pub fn to_json(&self) -> Value {
        let signed = self.signed.as_ref();
        let reasons: Vec<Value> = if let Judgement::Denied(reasons) = &self.judgement {
            reasons.iter().map(as_json).collect()
        } else {
            self.judgement.reasons().into_iter().map(|text| json!({ "text": text })).collect()
        };
        let plan = if let Judgement::Allowed(allowed) = &self.judgement { Some(&allowed.plan) } else { None };
        json!({
            "service": self.service,
            "image": self.image,
            "built-as": self.built,
            "digest": signed.map(|signed| &signed.digest),
            "signers": signed.map(|signed| &signed.signers),
            "verdict": self.judgement.word(),
            "plan": plan,
            "reasons": reasons,
        })
    }
}
