//! The question for the verifier: what an image rule and the command line ask, together.

use perry_sandbox_reference::Repository;

use super::entry::{Rule, image_name};
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::entries::{ImageRule, SignedAs};
use crate::identity::claims_of_both;
use crate::pattern::first;
use crate::policy::Policy;
use crate::requirement::{LogRule, ProvenanceRule, RepositoryRule, Requirement, Signer, SignerIdentity};

/// Builds the question for the verifier, with the one that is only tried.
pub(crate) fn requirement(
    policy: &Policy,
    rule: Option<Rule<'_>>,
    repository: Option<&Repository>,
    reasons: &mut Reasons,
) -> Option<Requirement> {
    let mut requirement = demanded(policy, rule, repository, reasons)?;
    if let Some((name, ImageRule { trial: Some(trial), .. }, _)) = rule {
        // What cannot be asked is met by nobody, and no reason against the image.
        let mut unheard = Reasons::new(policy.anchor());
        let tried = demanded(policy, Some((name, &trial.value, trial.span)), repository, &mut unheard);
        let tried = tried.unwrap_or_else(|| Requirement { signers: Vec::new(), ..requirement.clone() });
        requirement.trial = Some(Box::new(tried));
    }
    Some(requirement)
}

fn demanded(
    policy: &Policy,
    rule: Option<Rule<'_>>,
    repository: Option<&Repository>,
    reasons: &mut Reasons,
) -> Option<Requirement> {
    let command_line = policy.command_line.as_ref();
    let Some((name, rule, span)) = rule else {
        let given = command_line?;
        return Some(Requirement {
            repository: repository.cloned().map_or(RepositoryRule::Unknown, RepositoryRule::Exact),
            denied: policy.parts.denied.clone(),
            log: given.log,
            ..Requirement::signed_by(vec![given.signer.clone()])
        });
    };
    let quorum = &rule.quorum;
    let known: Vec<Signer> =
        quorum.signers.value.iter().filter_map(|name| policy.signers.get(name)).cloned().collect();
    let signers = match command_line {
        None => known,
        Some(given) => {
            let both: Vec<_> = known.iter().filter_map(|signer| narrowed(signer, &given.signer)).collect();
            if both.is_empty() && !known.is_empty() {
                let found = format!("the image rule `{name}` knows other signers");
                let spans = [quorum.signers.span, span];
                let reason = DenyReason::new(
                    DenyCode::ForeignSigner,
                    "image",
                    "the signer of the command line",
                    found,
                    spans,
                );
                reasons.add(reason.remedy("leave the flag out, or name one of the rule's own signers by it"));
                return None;
            }
            both
        }
    };
    if let Err(reason) = satisfiable((name, rule, span), &signers) {
        reasons.add(reason);
        return None;
    }
    let provenance = rule.provenance.as_ref().map(|provenance| ProvenanceRule {
        predicate: provenance.value.predicate.clone(),
        by: provenance.value.by.iter().filter_map(|name| policy.signers.get(name)).cloned().collect(),
        says: provenance.value.says.clone(),
    });
    let log = if command_line.is_some_and(|given| given.log == LogRule::Required) {
        LogRule::Required
    } else {
        rule.log.value
    };
    let Some(repository) = signed_repository(rule, repository) else {
        let found = "the repository that it mirrors has no such part";
        let spans = [rule.mirror_of.as_ref().and_then(|of| of.span), span];
        let reason =
            DenyReason::new(DenyCode::UnsatisfiableRule, "image", image_name(repository), found, spans);
        reasons.add(reason.remedy("write in `mirror-of` what the rule's own repository stands for"));
        return None;
    };
    Some(Requirement {
        rule: Some(name.clone()),
        repository,
        digests: rule.digests.as_ref().map(|digests| digests.value.clone()),
        signers,
        required: quorum.required.value.clone(),
        at_least: quorum.at_least.value,
        provenance,
        max_age: rule.max_age.as_ref().map(|age| age.value.duration()),
        signed_after: rule.signed_after.map(|at| at.value),
        annotations: rule
            .annotations
            .iter()
            .map(|(name, value)| (name.clone(), value.value.clone()))
            .collect(),
        denied: policy.parts.denied.clone(),
        log,
        verify_timeout: rule.verify_timeout.value.duration(),
        trial: None,
    })
}

/// Whether the signers that are left can be those whom the rule asks for.
fn satisfiable((name, rule, span): Rule<'_>, signers: &[Signer]) -> Result<(), DenyReason> {
    let quorum = &rule.quorum;
    let gone = quorum.required.value.iter().find(|name| !signers.iter().any(|it| it.name == **name));
    let (wanted, found, at) = if let Some(gone) = gone {
        let wanted = format!("a signature by {gone} for the image rule `{name}`");
        let found = "a policy file or the command line leaves this signer out".to_owned();
        (wanted, found, quorum.required.span)
    } else if usize::try_from(quorum.at_least.value.get()).is_ok_and(|needed| signers.len() >= needed) {
        return Ok(());
    } else {
        let wanted = format!("{} signatures by the image rule `{name}`", quorum.at_least.value);
        let found = format!("{} of the rule's signers are left", signers.len());
        (wanted, found, first(quorum.at_least.span, quorum.signers.span))
    };
    let reason = DenyReason::new(DenyCode::UnsatisfiableRule, "image", wanted, found, [at, span]);
    Err(reason.remedy("let every policy file and the command line name enough common signers"))
}

/// Which repository a signature must name; nothing where the mirrored one has no name.
fn signed_repository(rule: &ImageRule, repository: Option<&Repository>) -> Option<RepositoryRule> {
    let own = &rule.repository.value;
    let origin = rule.mirror_of.as_ref().map(|of| &of.value);
    Some(match rule.signed_as.value {
        SignedAs::Ignore => RepositoryRule::Any,
        SignedAs::Prefix => RepositoryRule::Within(origin.unwrap_or(own).clone()),
        SignedAs::Exact => {
            // A layout has no repository of its own: what a signature names is held against the rule's.
            let fetched = repository.unwrap_or(own);
            let Some(origin) = origin else { return Some(RepositoryRule::Exact(fetched.clone())) };
            let below = fetched.path().strip_prefix(own.path())?;
            RepositoryRule::Exact(format!("{origin}{below}").parse().ok()?)
        }
    })
}

/// A signer of the policy, narrowed to what the command line's signer is too; nothing if they have nothing in common,
/// or if that cannot be told (of two different expressions, or one and a star).
fn narrowed(signer: &Signer, given: &Signer) -> Option<Signer> {
    let window = signer.window.meet(&given.window);
    match (&signer.identity, &given.identity) {
        (SignerIdentity::Key { pem, .. }, SignerIdentity::Key { pem: given, .. }) => {
            let same =
                crate::key::fingerprint(pem).is_some_and(|own| crate::key::fingerprint(given) == Some(own));
            same.then(|| Signer { window, ..signer.clone() })
        }
        (
            SignerIdentity::Keyless { issuer, subject, claims, root },
            SignerIdentity::Keyless {
                issuer: given_issuer,
                subject: given_subject,
                claims: given_claims,
                ..
            },
        ) => {
            let identity = SignerIdentity::Keyless {
                issuer: issuer.narrower(given_issuer)?.clone(),
                subject: subject.narrower(given_subject)?.clone(),
                claims: claims_of_both(claims, given_claims)?,
                root: root.clone(),
            };
            Some(Signer { name: signer.name.clone(), identity, window })
        }
        (SignerIdentity::Key { .. }, SignerIdentity::Keyless { .. })
        | (SignerIdentity::Keyless { .. }, SignerIdentity::Key { .. }) => None,
    }
}
