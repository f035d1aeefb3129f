//! Files composed by meet: what every file allows, in whatever order they are given.
//!
//! A file that has no entry of a name says *nothing may* about it, unless it says `open` for that kind: then it says
//! nothing. So the result is below each file, and the meet is idempotent, commutative and associative.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{Parts, SignerEntry, SignerKind, Tier};
use crate::at::At;
use crate::entries::{
    AdHoc, ArgLimits, Audit, Capability, Exception, ImageRule, Provenance, Service, ServicePattern,
    lies_within,
};
use crate::identity::claims_of_both;
use crate::names::TierName;
use crate::pattern::first;
use crate::refusal::{Refusal, RefusalCode, Refusals};
use crate::requirement::{LogRule, TrustRoot, TrustRootSource};
use crate::source::Span;
use crate::window::latest;

/// The meet of two resolved files.
pub(crate) fn compose(a: &Parts, b: &Parts, refusals: &mut Refusals) -> Parts {
    let mut composer = Composer { refusals };
    let both = |kind: &str| Openness { a: a.is_open(kind), b: b.is_open(kind) };
    Parts {
        names: a.names.union(&b.names).cloned().collect(),
        descriptions: a.descriptions.union(&b.descriptions).cloned().collect(),
        open: a.open.intersection(&b.open).copied().collect(),
        trust_roots: meet_maps(&a.trust_roots, &b.trust_roots, both("trust-root"), |a, b| {
            composer.root(a, b)
        }),
        signers: meet_maps(&a.signers, &b.signers, both("signer"), |a, b| composer.signer(a, b)),
        images: meet_maps(&a.images, &b.images, both("image"), |a, b| composer.image(a, b)),
        tiers: meet_maps(&a.tiers, &b.tiers, both("tier"), |a, b| composer.tier(a, b)),
        capabilities: meet_maps(&a.capabilities, &b.capabilities, both("capability"), |a, b| {
            composer.capability(a, b)
        }),
        services: services(a, b),
        ad_hoc: match (&a.ad_hoc, &b.ad_hoc) {
            (Some(a), Some(b)) => Some(At { value: ad_hoc(&a.value, &b.value), span: first(a.span, b.span) }),
            (Some(one), None) => b.is_open("ad-hoc").then(|| one.clone()),
            (None, Some(one)) => a.is_open("ad-hoc").then(|| one.clone()),
            (None, None) => None,
        },
        exceptions: meet_maps(&a.exceptions, &b.exceptions, both("exception"), |a, b| {
            composer.exception(a, b)
        }),
        audit: match (&a.audit, &b.audit) {
            (Some(a), Some(b)) => {
                Some(Audit { log: a.log.min(b.log), include: a.include.union(&b.include).copied().collect() })
            }
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        },
        denied: a.denied.meet(&b.denied),
    }
}

#[derive(Clone, Copy)]
struct Openness {
    a: bool,
    b: bool,
}

fn meet_maps<K: Ord + Clone, V: Clone>(
    a: &BTreeMap<K, V>,
    b: &BTreeMap<K, V>,
    open: Openness,
    mut meet: impl FnMut(&V, &V) -> Option<V>,
) -> BTreeMap<K, V> {
    let mut result = BTreeMap::new();
    for (name, value) in a {
        let value = match b.get(name) {
            Some(other) => meet(value, other),
            None => open.b.then(|| value.clone()),
        };
        result.extend(value.map(|value| (name.clone(), value)));
    }
    if open.a {
        let added = b.iter().filter(|(name, _)| !a.contains_key(*name));
        result.extend(added.map(|(name, value)| (name.clone(), value.clone())));
    }
    result
}

fn union<T: Ord + Clone>(a: &At<BTreeSet<T>>, b: &At<BTreeSet<T>>) -> At<BTreeSet<T>> {
    At { value: a.value.union(&b.value).cloned().collect(), span: first(a.span, b.span) }
}

fn intersection<T: Ord + Clone>(a: &At<BTreeSet<T>>, b: &At<BTreeSet<T>>) -> At<BTreeSet<T>> {
    At { value: a.value.intersection(&b.value).cloned().collect(), span: first(a.span, b.span) }
}

/// The smaller of two, where absence means no bound.
fn tighter<T: Ord + Clone>(a: Option<&At<T>>, b: Option<&At<T>>) -> Option<At<T>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.least(b)),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    }
}

fn ad_hoc(a: &AdHoc, b: &AdHoc) -> AdHoc {
    AdHoc { tiers: union(&a.tiers, &b.tiers), images: intersection(&a.images, &b.images) }
}

fn service(a: &Service, b: &Service) -> Service {
    Service {
        tiers: union(&a.tiers, &b.tiers),
        images: match (&a.images, &b.images) {
            (Some(a), Some(b)) => Some(intersection(a, b)),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        },
        grants: a.grants.meet(&b.grants),
        project: a.project.meet(&b.project),
        limits: a.limits.meet(&b.limits),
        // Without the key nothing is built.
        build: a.build.as_ref().zip(b.build.as_ref()).and_then(|(one, two)| one.meet(two)),
    }
}

/// A service that a file does not name has that file's baseline, so entries are met with that.
fn services(a: &Parts, b: &Parts) -> BTreeMap<ServicePattern, At<Service>> {
    let patterns: BTreeSet<&ServicePattern> = a.services.keys().chain(b.services.keys()).collect();
    let mut result = BTreeMap::new();
    for pattern in patterns {
        let entry = match (entry_for(a, pattern), entry_for(b, pattern)) {
            (Some(a), Some(b)) => At { value: service(&a.value, &b.value), span: first(a.span, b.span) },
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => continue,
        };
        result.insert(pattern.clone(), entry);
    }
    result
}

/// The entry that a file applies to a pattern; nothing where it says nothing.
fn entry_for(parts: &Parts, pattern: &ServicePattern) -> Option<At<Service>> {
    let exact = parts.services.get(pattern);
    let wider = || parts.services.iter().find(|(known, _)| known.includes(pattern)).map(|(_, entry)| entry);
    match exact.or_else(wider) {
        Some(entry) => Some(entry.clone()),
        None if parts.is_open("service") => None,
        None => "isolated".parse::<TierName>().ok().map(|tier| At::nowhere(Service::baseline(&tier))),
    }
}

struct Composer<'a> {
    refusals: &'a mut Refusals,
}

impl Composer<'_> {
    fn conflict(&mut self, a: Option<Span>, b: Option<Span>, what: &str) {
        let (Some(a), Some(b)) = (a, b) else { return };
        // The later place is shown with the earlier one beside it, whatever the order of files.
        let (earlier, later) = (a.min(b), a.max(b));
        self.refusals.push(
            Refusal::new(
                RefusalCode::Conflict,
                later,
                format!("two files contradict each other about {what}"),
            )
            .label("one says this")
            .related(earlier, "another says this")
            .help("make them equal, or give one of them another name"),
        );
    }

    fn root(&mut self, a: &At<TrustRoot>, b: &At<TrustRoot>) -> Option<At<TrustRoot>> {
        let source = match (&a.value.source, &b.value.source) {
            (
                TrustRootSource::SigstorePublic { max_age: one },
                TrustRootSource::SigstorePublic { max_age: two },
            ) => TrustRootSource::SigstorePublic { max_age: *one.min(two) },
            (TrustRootSource::File, TrustRootSource::File)
            | (TrustRootSource::Folder { .. }, TrustRootSource::Folder { .. })
                if a.value.digest == b.value.digest =>
            {
                a.value.source.clone()
            }
            _ => {
                self.conflict(a.span, b.span, "a trust root");
                return None;
            }
        };
        Some(At { value: TrustRoot { source, ..a.value.clone() }, span: first(a.span, b.span) })
    }

    fn tier(&mut self, a: &Tier, b: &Tier) -> Option<Tier> {
        let ceiling = a.ceiling.meet(&b.ceiling);
        let chain = union(&a.chain, &b.chain);
        if ceiling.is_too_large() {
            let message = "the hosts and ports that two files have in common for a tier are too many";
            self.refusals.extend(chain.span.map(|span| Refusal::new(RefusalCode::TooComplex, span, message)));
            return None;
        }
        Some(Tier { ceiling, chain })
    }

    fn signer(&mut self, a: &At<SignerEntry>, b: &At<SignerEntry>) -> Option<At<SignerEntry>> {
        let met = meet_signers(&a.value, &b.value);
        if met.is_none() {
            self.conflict(a.span, b.span, "a signer");
        }
        met.map(|value| At { value, span: first(a.span, b.span) })
    }

    /// What both would ask if each enforced its trial; nothing if that cannot be said.
    fn trial(&mut self, a: &ImageRule, b: &ImageRule) -> Option<At<Box<ImageRule>>> {
        let tried = |rule: &ImageRule| match &rule.trial {
            Some(trial) => At { value: trial.value.as_ref().clone(), span: trial.span },
            None => At::nowhere(rule.clone()),
        };
        let met = self.image(&tried(a), &tried(b))?;
        Some(At { value: Box::new(met.value), span: met.span })
    }

    fn image(&mut self, a: &At<ImageRule>, b: &At<ImageRule>) -> Option<At<ImageRule>> {
        let span = first(a.span, b.span);
        let (a, b) = (&a.value, &b.value);
        let repository = if lies_within(&a.repository.value, &b.repository.value) {
            a.repository.clone()
        } else if lies_within(&b.repository.value, &a.repository.value) {
            b.repository.clone()
        } else {
            self.conflict(a.repository.span, b.repository.span, "the repository of an image rule");
            return None;
        };
        let provenance = match (&a.provenance, &b.provenance) {
            (Some(one), Some(two)) if one.value.predicate == two.value.predicate => {
                let Some(says) = one.value.says.meet(&two.value.says) else {
                    self.conflict(one.span, two.span, "what the provenance of an image rule says");
                    return None;
                };
                let by = one.value.by.intersection(&two.value.by).cloned().collect();
                let predicate = one.value.predicate.clone();
                Some(At { value: Provenance { predicate, by, says }, span: first(one.span, two.span) })
            }
            (Some(one), Some(two)) => {
                self.conflict(one.span, two.span, "the provenance of an image rule");
                return None;
            }
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        };
        let log = if a.log.value == LogRule::Required { a.log } else { b.log };
        let digests = match (&a.digests, &b.digests) {
            (Some(a), Some(b)) => Some(intersection(a, b)),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        };
        let max_age = tighter(a.max_age.as_ref(), b.max_age.as_ref());
        let signed_after = latest(a.signed_after, b.signed_after);
        let mut annotations = a.annotations.clone();
        for (name, value) in &b.annotations {
            if let Some(known) = annotations.insert(name.clone(), value.clone())
                && known != *value
            {
                self.conflict(known.span, value.span, "an annotation of an image rule");
                return None;
            }
        }
        // Below another repository the same mirror stands for another one.
        let same_place = a.mirror_of.is_none() || a.repository == b.repository;
        if a.mirror_of != b.mirror_of || !same_place {
            let place = |rule: &ImageRule| rule.mirror_of.as_ref().map_or(rule.repository.span, |of| of.span);
            self.conflict(place(a), place(b), "what an image rule's repository mirrors");
            return None;
        }
        let trial = match (&a.trial, &b.trial) {
            (None, None) => None,
            _ => Some(self.trial(a, b)?),
        };
        let (signed_as, mirror_of) = (a.signed_as.least(&b.signed_as), a.mirror_of.clone());
        Some(At {
            value: ImageRule {
                repository,
                digests,
                quorum: a.quorum.meet(&b.quorum),
                provenance,
                max_age,
                log,
                signed_after,
                annotations,
                signed_as,
                mirror_of,
                verify_timeout: a.verify_timeout.least(&b.verify_timeout),
                trial,
            },
            span,
        })
    }

    fn capability(&mut self, a: &At<Capability>, b: &At<Capability>) -> Option<At<Capability>> {
        let span = first(a.span, b.span);
        let (a, b) = (&a.value, &b.value);
        if a.image != b.image || a.command != b.command {
            let (one, two) = if a.image == b.image {
                (a.command.span, b.command.span)
            } else {
                (a.image.span, b.image.span)
            };
            self.conflict(one, two, "what a capability runs");
            return None;
        }
        let args = match (&a.args, &b.args) {
            (Some(one), Some(two)) => Some(At {
                value: ArgLimits {
                    max: one.value.max.min(two.value.max),
                    each_max: one.value.each_max.min(two.value.each_max),
                },
                span: first(one.span, two.span),
            }),
            // Without the key a caller may add no argument.
            _ => None,
        };
        // Without the key none is kept ready.
        let warm = a.warm.as_ref().zip(b.warm.as_ref()).map(|(one, two)| one.least(two));
        let value = Capability {
            tiers: union(&a.tiers, &b.tiers),
            image: At { value: a.image.value.clone(), span: first(a.image.span, b.image.span) },
            command: At { value: a.command.value.clone(), span: first(a.command.span, b.command.span) },
            args,
            warm,
            grants: a.grants.meet(&b.grants),
            limits: a.limits.meet(&b.limits),
        };
        Some(At { value, span })
    }

    fn exception(&mut self, a: &Exception, b: &Exception) -> Option<Exception> {
        if (&a.tier, &a.host) != (&b.tier, &b.host) {
            self.conflict(a.span, b.span, "an exception");
            return None;
        }
        let said_first = if a.span <= b.span { a } else { b };
        Some(Exception {
            isolation: a.isolation.intersection(&b.isolation).copied().collect(),
            until: a.until.min(b.until),
            ..said_first.clone()
        })
    }
}

/// A signer that both files mean: nothing where they mean different ones.
fn meet_signers(a: &SignerEntry, b: &SignerEntry) -> Option<SignerEntry> {
    let by = meet_kinds(&a.by, &b.by)?;
    Some(SignerEntry { by, window: a.window.meet(&b.window) })
}

fn meet_kinds(a: &SignerKind, b: &SignerKind) -> Option<SignerKind> {
    match (a, b) {
        (SignerKind::Key { .. }, SignerKind::Key { .. }) => (a == b).then(|| a.clone()),
        (
            SignerKind::Keyless { issuer, subject, claims, root },
            SignerKind::Keyless { issuer: issuer_b, subject: subject_b, claims: claims_b, root: root_b },
        ) if root == root_b => {
            let issuer = issuer.narrower(issuer_b)?;
            let subject = subject.narrower(subject_b)?;
            let claims = claims_of_both(claims, claims_b)?;
            Some(SignerKind::Keyless {
                issuer: issuer.clone(),
                subject: subject.clone(),
                claims,
                root: root.clone(),
            })
        }
        _ => None,
    }
}
