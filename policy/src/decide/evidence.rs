//! Whether what was proved is what the policy asks for, now.
//!
//! The verifier has answered the same question already. It is asked again here because evidence may have been kept,
//! and the policy changed or the signature grown old meanwhile.

use std::collections::BTreeSet;

use perry_sandbox_reference::Digest;

use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::deny_list::DenyFacts;
use crate::evidence::{Evidence, VerifiedIdentity, VerifiedSignature};
use crate::names::SignerName;
use crate::policy::Policy;
use crate::require::{Rule, requirement};
use crate::requirement::{LogRule, Requirement, Signer, SignerIdentity, TrustRoot, TrustRootSource};
use crate::source::Span;

/// Checks evidence against the image rule; the requirement that was checked, if there is one.
pub(crate) fn check(
    policy: &Policy,
    rule: Option<Rule<'_>>,
    evidence: &Evidence,
    now: jiff::Timestamp,
    reasons: &mut Reasons,
) -> Option<Requirement> {
    let wanted = requirement(policy, rule, evidence.repository.as_ref(), reasons)?;
    let spans = Places {
        rule: rule.and_then(|(_, _, span)| span),
        signers: rule.and_then(|(_, rule, _)| rule.quorum.signers.span),
        digests: rule.and_then(|(_, rule, _)| rule.digests.as_ref()?.span),
        provenance: rule.and_then(|(_, rule, _)| rule.provenance.as_ref()?.span),
        max_age: rule.and_then(|(_, rule, _)| rule.max_age.as_ref()?.span),
    };
    let name = |rule: Option<&crate::names::ImageRuleName>| {
        rule.map_or_else(|| "the command line's signer".to_owned(), |rule| format!("the image rule `{rule}`"))
    };
    if evidence.rule != wanted.rule {
        let (asked, found) = (name(wanted.rule.as_ref()), name(evidence.rule.as_ref()));
        let found = format!("it was made for {found}");
        reasons.add(DenyReason::new(
            DenyCode::OtherEvidence,
            "image",
            format!("evidence for {asked}"),
            found,
            [spans.rule],
        ));
    }
    if let Some(listed) = &wanted.digests
        && !evidence.path.iter().any(|digest| listed.contains(digest))
    {
        let found = format!("{} is not listed", evidence.manifest);
        let spans = [spans.digests, spans.rule];
        reasons.add(DenyReason::new(
            DenyCode::DigestNotListed,
            "image",
            "a digest of the image rule's list",
            found,
            spans,
        ));
    }
    check_deny_list(&wanted, evidence, &spans, reasons);
    check_quorum(policy, &wanted, evidence, now, &spans, reasons);
    check_provenance(policy, &wanted, evidence, now, &spans, reasons);
    Some(wanted)
}

/// The places of an image rule.
struct Places {
    rule: Option<Span>,
    signers: Option<Span>,
    digests: Option<Span>,
    provenance: Option<Span>,
    max_age: Option<Span>,
}

/// An image may be denied although every signature on it is good.
fn check_deny_list(wanted: &Requirement, evidence: &Evidence, spans: &Places, reasons: &mut Reasons) {
    let digests = evidence.path.iter().chain([&evidence.top, &evidence.manifest, &evidence.config]);
    let Some(entry) = wanted.denied.image(digests) else { return };
    let found = format!("{} is on the policy's deny list: {}", entry.what, entry.reason);
    let wish = "an image that is not denied";
    reasons.add(DenyReason::new(DenyCode::Denied, "image", wish, found, [spans.rule]));
}

fn check_quorum(
    policy: &Policy,
    wanted: &Requirement,
    evidence: &Evidence,
    now: jiff::Timestamp,
    spans: &Places,
    reasons: &mut Reasons,
) {
    let holds =
        |signature: &&VerifiedSignature| counts(policy, wanted, &wanted.signers, signature, evidence, now);
    let genuine: Vec<&VerifiedSignature> = evidence.signatures.iter().filter(holds).collect();
    let fresh: Vec<&VerifiedSignature> =
        genuine.iter().copied().filter(|signature| is_fresh(wanted, signature, now)).collect();
    let signed = wanted.who_signed(fresh.iter().copied());
    if wanted.quorum_is_met(&signed) {
        return;
    }
    let names: BTreeSet<SignerName> = fresh.iter().map(|signature| signature.signer.clone()).collect();
    let by: BTreeSet<SignerName> = genuine.iter().map(|signature| signature.signer.clone()).collect();
    let missing = wanted.missing(&by).map(SignerName::as_str).collect::<Vec<_>>().join(" and ");
    let wish = format!("{} to have signed", wanted.quorum_text());
    let found = if wanted.quorum_is_met(&wanted.who_signed(genuine.iter().copied())) {
        "signatures that count are too old, or are in no transparency log".to_owned()
    } else if wanted.quorum_is_met(&names) {
        "one key or identity stands behind several signers, and counts once".to_owned()
    } else if genuine.is_empty() {
        "none of them has".to_owned()
    } else {
        let only = format!("only {}", by.iter().map(SignerName::as_str).collect::<Vec<_>>().join(", "));
        if missing.is_empty() { only } else { format!("{only}, and not {missing}") }
    };
    let spans = [spans.signers, spans.max_age, spans.rule];
    reasons.add(DenyReason::new(DenyCode::Quorum, "image", wish, found, spans));
}

fn check_provenance(
    policy: &Policy,
    wanted: &Requirement,
    evidence: &Evidence,
    now: jiff::Timestamp,
    spans: &Places,
    reasons: &mut Reasons,
) {
    let Some(rule) = &wanted.provenance else { return };
    let found = evidence.provenance.as_ref();
    let holds = found.is_some_and(|found| counts(policy, wanted, &rule.by, found, evidence, now));
    if !holds {
        let listed: Vec<&str> = rule.by.iter().map(|signer| signer.name.as_str()).collect();
        let wish = format!("an attestation {} by {}", rule.predicate, listed.join(" or "));
        let found = if evidence.provenance.is_some() { "another signer's" } else { "none" };
        let spans = [spans.provenance, spans.rule];
        reasons.add(DenyReason::new(DenyCode::Provenance, "image", wish, found, spans));
    }
}

/// Whether a signature is over this image and by whom the policy now means by the signer's name.
fn counts(
    policy: &Policy,
    wanted: &Requirement,
    signers: &[Signer],
    signature: &VerifiedSignature,
    evidence: &Evidence,
    now: jiff::Timestamp,
) -> bool {
    let over_this = evidence.path.contains(&signature.signed);
    let signer = signers.iter().find(|signer| signer.name == signature.signer);
    let times = signature.times.iter().map(|time| time.at);
    let in_window = |signer: &&Signer| signer.window.admits(times.clone(), now.as_second()).is_ok();
    let facts = DenyFacts {
        by: &signature.by,
        certificate_key: None,
        serial: signature.serial.as_deref(),
        entries: signature.log.as_slice(),
    };
    over_this
        && wanted.denied.signature(facts).is_none()
        && signer.filter(in_window).is_some_and(|signer| is_by(policy, signer, signature))
}

fn is_by(policy: &Policy, signer: &Signer, signature: &VerifiedSignature) -> bool {
    match (&signer.identity, &signature.by) {
        (SignerIdentity::Key { .. }, VerifiedIdentity::Key { fingerprint }) => {
            policy.fingerprints.get(&signer.name) == Some(fingerprint)
        }
        (
            SignerIdentity::Keyless { issuer, subject, claims, root },
            VerifiedIdentity::Keyless { issuer: by, subject: who },
        ) => {
            let has = |(name, value): (&String, &String)| {
                signature.claims.iter().any(|held| held.name == *name && held.value == *value)
            };
            issuer.matches(by)
                && subject.matches(who)
                && claims.iter().all(has)
                && is_of_root(root, signature)
        }
        (SignerIdentity::Key { .. }, VerifiedIdentity::Keyless { .. })
        | (SignerIdentity::Keyless { .. }, VerifiedIdentity::Key { .. }) => false,
    }
}

/// Whether a signature was checked against this trust root. The public one changes as it is refreshed, so its name
/// must do; a pinned one has its digest.
fn is_of_root(root: &TrustRoot, signature: &VerifiedSignature) -> bool {
    let checked: Option<&(_, Digest)> = signature.root.as_ref();
    checked.is_some_and(|(name, digest)| match root.source {
        TrustRootSource::File | TrustRootSource::Folder { .. } => *digest == root.digest,
        TrustRootSource::SigstorePublic { .. } => *name == root.name,
    })
}

/// Whether a signature is young enough, and logged where the policy asks for that.
fn is_fresh(wanted: &Requirement, signature: &VerifiedSignature, now: jiff::Timestamp) -> bool {
    let is_key = matches!(signature.by, VerifiedIdentity::Key { .. });
    if wanted.log == LogRule::Required && is_key && signature.log.is_none() {
        return false;
    }
    let after = wanted.signed_after.map(crate::window::Moment::as_second);
    let young = wanted
        .max_age
        .map(|age| i64::try_from(age.as_secs()).map_or(i64::MIN, |age| now.as_second().saturating_sub(age)));
    let Some(oldest) = after.max(young) else { return true };
    // The earliest time that somebody vouches for: a later stamp does not make an old signature young.
    signature.times.iter().map(|time| time.at).min().is_some_and(|at| at >= oldest)
}
