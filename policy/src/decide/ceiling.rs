//! The ceiling of one request: the meet of the entry's tiers and of the tier that was asked for.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::ceiling::Ceiling;
use crate::denial::{DenyCode, DenyReason, Reasons};
use crate::entries::Exception;
use crate::isolation::IsolationLevel;
use crate::names::TierName;
use crate::policy::Policy;
use crate::request::Request;
use crate::require::Entry;

/// The ceiling that applies to a request.
#[derive(Debug)]
pub(crate) struct Applied<'a> {
    /// The tier that says it; of two that have nothing but their meet, the entry's.
    pub(crate) name: &'a TierName,
    /// Every tier that took part.
    pub(crate) tiers: Vec<&'a TierName>,
    pub(crate) ceiling: Cow<'a, Ceiling>,
}

/// Finds the ceiling; a requested tier can only tighten.
pub(crate) fn ceiling_of<'a>(
    policy: &'a Policy,
    request: &'a Request,
    entry: &Entry<'a>,
    reasons: &mut Reasons,
) -> Option<Applied<'a>> {
    let baseline = policy.baseline();
    // What no entry names is isolated. Only a caller who brings the whole policy on the command line chooses the tier.
    let isolated = entry.tiers.is_none() && (policy.from_files || request.tier.is_none());
    let names =
        entry.tiers.into_iter().flatten().chain(baseline.filter(|_| isolated)).chain(request.tier.as_ref());
    let mut applied: Option<Applied<'a>> = None;
    let mut unknown = false;
    for name in names {
        let Some((name, tier)) = policy.parts.tiers.get_key_value(name) else {
            unknown = true;
            let known = policy.parts.tiers.keys().map(TierName::as_str);
            let reason = DenyReason::new(
                DenyCode::UnknownTier,
                "tier",
                name.as_str(),
                "the policy has no such tier",
                [entry.span],
            );
            reasons.add(reason.remedy(crate::refusal::suggestion(name.as_str(), known)));
            continue;
        };
        applied = Some(match applied {
            None => Applied { name, tiers: vec![name], ceiling: Cow::Borrowed(&tier.ceiling) },
            Some(known) => tightened(known, name, &tier.ceiling),
        });
    }
    applied.filter(|_| !unknown)
}

fn tightened<'a>(mut known: Applied<'a>, name: &'a TierName, ceiling: &'a Ceiling) -> Applied<'a> {
    if known.tiers.contains(&name) {
        return known;
    }
    if known.ceiling.is_within(ceiling) {
        known.tiers.push(name);
        return known;
    }
    let (name, ceiling) = if ceiling.is_within(&known.ceiling) {
        (name, Cow::Borrowed(ceiling))
    } else {
        (known.name, Cow::Owned(known.ceiling.meet(ceiling)))
    };
    known.tiers.push(name);
    Applied { name, ceiling, tiers: known.tiers }
}

/// A level that may be used, and the exception without which it could not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AcceptedLevel<'a> {
    pub(crate) level: IsolationLevel,
    pub(crate) exception: Option<(&'a str, &'a Exception)>,
    /// The exception that accepts this level where the program's instructions are emulated.
    pub(crate) emulation: Option<(&'a str, &'a Exception)>,
}

/// The accepted levels in the order in which they are tried. Levels that only an exception accepts come last.
pub(crate) fn levels<'a>(
    policy: &'a Policy,
    applied: &Applied<'a>,
    hostname: &str,
    now: jiff::Timestamp,
) -> Vec<AcceptedLevel<'a>> {
    let order = applied.ceiling.isolation.order();
    let mut levels: Vec<AcceptedLevel<'a>> =
        order.into_iter().map(|level| AcceptedLevel { level, exception: None, emulation: None }).collect();
    let active: Vec<(&str, &Exception)> = policy
        .parts
        .exceptions
        .iter()
        .filter(|(_, exception)| exception.host == hostname && exception.holds_at(now))
        .map(|(id, exception)| (id.as_str(), exception))
        .collect();
    if active.is_empty() {
        return levels;
    }
    let covering = |level: IsolationLevel| {
        let mut all = active.iter();
        let covers = |exception: &Exception| {
            applied.tiers.contains(&&exception.tier) && exception.isolation.contains(&level)
        };
        all.find(|(_, exception)| covers(exception)).copied()
    };
    // A tier that was asked for can only tighten: every one must be excepted, not only that.
    let covered = |tier: &TierName, level: IsolationLevel| {
        active.iter().any(|(_, exception)| exception.tier == *tier && exception.isolation.contains(&level))
    };
    for known in &mut levels {
        let by_all = applied.tiers.iter().all(|tier| covered(tier, known.level));
        known.emulation = if by_all { covering(known.level) } else { None };
    }
    let mut excepted: BTreeSet<IsolationLevel> = IsolationLevel::ALL.into_iter().collect();
    for name in &applied.tiers {
        let own = policy.tier(name).map(|tier| &tier.ceiling.isolation.accept.value);
        excepted.retain(|level| {
            own.is_some_and(|own| own.contains(level))
                || active
                    .iter()
                    .any(|(_, exception)| exception.tier == **name && exception.isolation.contains(level))
        });
    }
    for level in excepted.into_iter().rev() {
        if !levels.iter().any(|known| known.level == level) {
            let exception = covering(level);
            let by_all = applied.tiers.iter().all(|tier| covered(tier, level));
            levels.push(AcceptedLevel { level, exception, emulation: exception.filter(|_| by_all) });
        }
    }
    levels
}
