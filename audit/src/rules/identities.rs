//! Who may sign, by the identities that policies and trust policies name.

use crate::finding::{Target, TargetKind};
use crate::input::{PolicyFile, TrustFile};
use crate::place::{Place, Placed};
use crate::trust::{DemandKind, Identity, IdentityPart, Subject};

/// A subject that a policy or a trust policy names.
#[derive(Debug)]
pub struct NamedSubject {
    /// Whose it is.
    pub(crate) target: Target,
    /// What it leaves open.
    pub(crate) subject: Subject,
    /// As it is written.
    pub(crate) text: Placed<String>,
}

/// A demand of a certificate.
pub(super) struct Keyless<'a> {
    /// Who may sign.
    pub(super) identities: &'a [Identity],
    /// Where it is asked.
    pub(super) place: Place,
}

/// The certificates that a trust policy asks for; the same authority for several images is one.
pub(super) fn keyless(trust: &TrustFile) -> Vec<(Target, Keyless<'_>)> {
    let mut found: Vec<(Target, Keyless<'_>)> = Vec::new();
    for rule in &trust.rules {
        for demand in &rule.demands {
            let DemandKind::Keyless { identities, .. } = &demand.kind else { continue };
            if found.iter().all(|(_, known)| known.place != demand.place) {
                let target = Target::new(TargetKind::Image, rule.name.clone());
                found.push((target, Keyless { identities, place: demand.place }));
            }
        }
    }
    found
}

/// What a part of an identity leaves open. The other form compares an expression with any part of a subject.
pub(super) fn subject_of(part: &IdentityPart) -> Subject {
    if part.is_expression {
        Subject::of_expression(&part.text.value, false)
    } else {
        Subject::exact(&part.text.value)
    }
}

/// The subjects of a policy's signers.
pub(crate) fn subjects(policy: &PolicyFile) -> Vec<NamedSubject> {
    let signers = policy.entries("signer").filter_map(|(key, node)| {
        let target = Target::new(TargetKind::Signer, key.name.clone());
        if let Some(text) = policy.text(node, "subject") {
            return Some(NamedSubject { target, subject: Subject::of_stars(&text.value), text });
        }
        let text = policy.text(node, "subject-regexp")?;
        Some(NamedSubject { target, subject: Subject::of_expression(&text.value, true), text })
    });
    signers.collect()
}

/// The subjects that a trust policy names.
pub(crate) fn trusted_subjects(trust: &TrustFile) -> Vec<NamedSubject> {
    let mut subjects = Vec::new();
    for (target, demand) in keyless(trust) {
        let parts = demand.identities.iter().filter_map(|identity| identity.subject.as_ref());
        subjects.extend(parts.map(|part| NamedSubject {
            target: target.clone(),
            subject: subject_of(part),
            text: part.text.clone(),
        }));
    }
    subjects
}
