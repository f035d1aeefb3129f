//! Which entry of the policy a request falls under, and which image rule applies.

use std::collections::BTreeSet;

use perry_sandbox_reference::Repository;

use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::entries::{Capability, ImageRule, Service};
use crate::grants::{Grants, ProjectGrants};
use crate::limits::EntryLimits;
use crate::names::{ImageRuleName, TierName};
use crate::policy::Policy;
use crate::request::{Request, Target};
use crate::source::Span;

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
            let found = policy.service_entry(name);
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

pub(super) fn image_name(repository: Option<&Repository>) -> String {
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
