//! What of a quorum is not met, for people.

use std::collections::BTreeSet;

use perry_sandbox_policy::{Requirement, SignerName};

use crate::codes::Code;
use crate::denial::Reason;
use crate::finding::Finding;

/// One reason for each signer who must have signed and has not, and one where too few others have.
pub(crate) fn unmet(requirement: &Requirement, signed: &BTreeSet<SignerName>) -> Vec<Reason> {
    let found = found(signed);
    let is_one = requirement.at_least.get() == 1;
    let apart = if is_one { "" } else { ", by different keys or identities" };
    let wanted = format!("{}{apart}", requirement.quorum_text());
    let mut reasons: Vec<Reason> = requirement
        .missing(signed)
        .map(|name| Reason {
            signer: Some(name.clone()),
            finding: Finding::new(Code::QuorumRequired, &found, &wanted),
        })
        .collect();
    let (needed, others) = requirement.beside();
    let count = others.into_iter().filter(|name| signed.contains(*name)).count();
    if reasons.is_empty() || count < needed {
        let finding = Finding::new(Code::QuorumUnmet, found, wanted);
        reasons.push(Reason { signer: None, finding });
    }
    reasons
}

fn found(signed: &BTreeSet<SignerName>) -> String {
    if signed.is_empty() {
        return "signed by none of them".to_owned();
    }
    format!("signed by {}", signed.iter().map(SignerName::as_str).collect::<Vec<_>>().join(", "))
}
