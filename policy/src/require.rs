//! The first desk: which entry of the policy a request falls under, and what must be proved about its image.

use std::collections::BTreeSet;

use perry_sandbox_reference::Repository;

use crate::denial::{Denial, DenyCode, DenyReason, Reasons};
use crate::entries::{Capability, ImageRule, Service, SignedAs};
use crate::grants::{Grants, ProjectGrants};
use crate::identity::claims_of_both;
use crate::limits::EntryLimits;
use crate::names::{ImageRuleName, TierName};
use crate::pattern::first;
use crate::policy::Policy;
use crate::request::{Request, Target};
use crate::requirement::{LogRule, ProvenanceRule, RepositoryRule, Requirement, Signer, SignerIdentity};
use crate::source::Span;

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

/// The entry that a request falls under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) capability: Option<&'a Capability>,
    /// The entry's tiers; nothing stands for `isolated`.
    pub(crate) tiers: Option<&'a BTreeSet<TierName>>,
    pub(crate) grants: Option<&'a Grants>,
    pub(crate) project: Option<&'a ProjectGrants>,
    pub(crate) limits: Option<&'a EntryLimits>,
    images: Images<'a>,
    pub(crate) span: Option<Span>,
}

/// The image rules that an entry may use.
#[derive(Debug, Clone, Copy)]
enum Images<'a> {
    /// This one.
    One(&'a ImageRuleName),
    /// One of these, by the image's repository.
    List(&'a BTreeSet<ImageRuleName>),
    /// Any of the policy, by the image's repository.
    Any,
    /// As `Any`, and none at all is needed: a signer was given on the command line.
    Optional,
}

/// An image rule with its name and place.
pub(crate) type Rule<'a> = (&'a ImageRuleName, &'a ImageRule, Option<Span>);

/// The image rule that applies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Applicable<'a> {
    /// This one.
    Rule(Rule<'a>),
    /// None does, and the command line's signer is enough.
    CommandLine,
}

impl<'a> Applicable<'a> {
    /// The rule, if one applies.
    pub(crate) const fn rule(self) -> Option<Rule<'a>> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::CommandLine => None,
        }
    }
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

/// Finds the entry of a request.
pub(crate) fn entry_of<'a>(
    policy: &'a Policy,
    request: &Request,
    reasons: &mut Reasons,
) -> Option<Entry<'a>> {
    match &request.target {
        Target::Capability(name) => {
            let found = policy.parts.capabilities.get(name);
            if found.is_none() {
                let known = policy.parts.capabilities.keys().map(crate::names::CapabilityName::as_str);
                let reason = DenyReason::new(
                    DenyCode::UnknownCapability,
                    "capability",
                    name.as_str(),
                    "the policy has no such capability",
                    [],
                );
                reasons.add(reason.remedy(crate::refusal::suggestion(name.as_str(), known)));
            }
            let found = found?;
            let capability = &found.value;
            Some(Entry {
                capability: Some(capability),
                tiers: Some(&capability.tiers.value),
                grants: Some(&capability.grants),
                project: None,
                limits: Some(&capability.limits),
                images: Images::One(&capability.image.value),
                span: found.span,
            })
        }
        Target::Service(name) => {
            let exact_first = |pattern: &crate::entries::ServicePattern| pattern.is_exact();
            let matching = policy.parts.services.iter().filter(|(pattern, _)| pattern.matches(name));
            let found = matching.max_by_key(|(pattern, _)| exact_first(pattern)).map(|(_, entry)| entry);
            Some(found.map_or_else(|| baseline(Images::Any), |entry| service_entry(&entry.value, entry.span)))
        }
        Target::AdHoc => ad_hoc_entry(policy, reasons),
    }
}

/// What no entry names: the tier `isolated` and no grant.
const fn baseline(images: Images<'_>) -> Entry<'_> {
    Entry { capability: None, tiers: None, grants: None, project: None, limits: None, images, span: None }
}

fn service_entry(service: &Service, span: Option<Span>) -> Entry<'_> {
    Entry {
        capability: None,
        tiers: Some(&service.tiers.value),
        grants: Some(&service.grants),
        project: Some(&service.project),
        limits: Some(&service.limits),
        images: service.images.as_ref().map_or(Images::Any, |images| Images::List(&images.value)),
        span,
    }
}

fn ad_hoc_entry<'a>(policy: &'a Policy, reasons: &mut Reasons) -> Option<Entry<'a>> {
    if let Some(entry) = &policy.parts.ad_hoc {
        let (tiers, images) = (Some(&entry.value.tiers.value), Images::List(&entry.value.images.value));
        return Some(Entry { tiers, span: entry.span, ..baseline(images) });
    }
    if policy.command_line.is_some() {
        return Some(baseline(Images::Optional));
    }
    let reason = DenyReason::new(
        DenyCode::NoEntry,
        "image",
        "an image without a capability",
        "the policy has no `[ad-hoc]` entry, and no signer was given on the command line",
        [],
    );
    reasons.add(reason.remedy("run a capability of the policy, add an `[ad-hoc]` entry, or give --key"));
    None
}

/// Finds the image rule; `None` is a denial.
///
/// `asked` is the rule that evidence was made for; it decides only where the image has no repository.
pub(crate) fn rule_for<'a>(
    policy: &'a Policy,
    entry: &Entry<'a>,
    repository: Option<&Repository>,
    asked: Option<&ImageRuleName>,
    reasons: &mut Reasons,
) -> Option<Applicable<'a>> {
    let find = |name: &ImageRuleName| {
        policy.parts.images.get_key_value(name).map(|(name, rule)| (name, &rule.value, rule.span))
    };
    let candidates: Vec<Rule<'a>> = match entry.images {
        Images::One(name) => find(name).into_iter().collect(),
        Images::List(names) => names.iter().filter_map(find).collect(),
        Images::Any | Images::Optional => policy.parts.images.keys().filter_map(find).collect(),
    };
    let matching: Vec<Rule<'a>> = match repository {
        Some(repository) => candidates.into_iter().filter(|(_, rule, _)| rule.covers(repository)).collect(),
        None if matches!(entry.images, Images::Optional) && asked.is_none() => Vec::new(),
        None => {
            candidates.into_iter().filter(|(name, _, _)| asked.is_none_or(|asked| asked == *name)).collect()
        }
    };
    let best = matching.iter().map(|(_, rule, _)| rule.specificity()).max();
    let mut best: Vec<Rule<'a>> = match repository {
        Some(_) => matching.into_iter().filter(|(_, rule, _)| Some(rule.specificity()) == best).collect(),
        None => matching,
    };
    match best.pop() {
        Some(only) if best.is_empty() => Some(Applicable::Rule(only)),
        Some(one) => {
            best.push(one);
            reasons.add(ambiguous(repository, &best));
            None
        }
        None if matches!(entry.images, Images::Optional) => Some(Applicable::CommandLine),
        None => {
            let named = match entry.images {
                Images::One(name) => find(name).and_then(|(_, _, span)| span),
                Images::List(_) | Images::Any | Images::Optional => None,
            };
            reasons.add(uncovered(repository, entry, named));
            None
        }
    }
}

fn image_name(repository: Option<&Repository>) -> String {
    repository.map_or_else(|| "an image without a repository".to_owned(), ToString::to_string)
}

fn ambiguous(repository: Option<&Repository>, rules: &[Rule<'_>]) -> DenyReason {
    let names: Vec<&str> = rules.iter().map(|(name, _, _)| name.as_str()).collect();
    let found = format!("the image rules {} cover it equally well", names.join(" and "));
    let spans = rules.iter().map(|(_, _, span)| *span);
    DenyReason::new(DenyCode::AmbiguousRule, "image", image_name(repository), found, spans).remedy(
        if repository.is_some() {
            "make one of the rules more specific, or list only one of them"
        } else {
            "say where the image comes from with --repository"
        },
    )
}

fn uncovered(repository: Option<&Repository>, entry: &Entry<'_>, named: Option<Span>) -> DenyReason {
    let found = match entry.images {
        Images::One(name) => format!("the image rule `{name}` does not cover it"),
        Images::List(_) => "no image rule that the entry lists covers it".to_owned(),
        Images::Any | Images::Optional => "no image rule covers it".to_owned(),
    };
    DenyReason::new(DenyCode::NoImageRule, "image", image_name(repository), found, [named, entry.span])
        .remedy("use an image of the rule's repository, or add an image rule")
}

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
