use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::up::remove;
use crate::desired::{StopHow, Until};
use crate::work::{Act, After, Step, Work};
use crate::world::{Replica, Seen};

/// How a project is brought down.
#[derive(Debug, Clone, Default)]
pub struct Down {
    /// These services only; nothing: all, and the networks with them.
    pub services: Option<BTreeSet<String>>,
    /// The services that the project has; of others only with `orphans`. Nothing: whoever belongs to it.
    pub known: Option<BTreeSet<String>>,
    /// Sandboxes of services that the project has no more as well.
    pub orphans: bool,
    /// The volumes too, with all that is in them.
    pub volumes: bool,
    /// How long each may take to end; nothing: what was said when it was made.
    pub grace: Option<Duration>,
}

/// The steps to nothing: whoever needs another ends before it.
pub fn down(seen: &Seen, how: &Down) -> Work {
    let goes = |one: &&Replica| {
        let service = &one.member.service;
        let known = how.known.as_ref().is_none_or(|known| known.contains(service));
        how.services.as_ref().is_none_or(|services| services.contains(service)) && (known || how.orphans)
    };
    let going: Vec<&Replica> = in_order(seen.replicas.iter().filter(goes).collect());
    let mut work = Work::default();
    let mut stopped: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for one in &going {
        let needing = going.iter().filter(|other| other.member.needs.contains(&one.member.service));
        let needing: BTreeSet<&str> = needing.map(|other| other.member.service.as_str()).collect();
        let after = needing.iter().filter_map(|service| stopped.get(service)).flatten();
        let after = after.map(|step| After { step: *step, until: Until::Started, required: true }).collect();
        let number = work.steps.len().saturating_add(1);
        let stop =
            StopHow { signal: None, grace: how.grace.or(one.member.stop_ms.map(Duration::from_millis)) };
        let (id, name, service) = (one.id.clone(), one.name.clone(), one.member.service.clone());
        work.steps.push(Step { number, act: Act::Stop { id, name, how: stop, service }, after });
        stopped.entry(&one.member.service).or_default().push(number);
    }
    work.tidy.extend(going.iter().copied().map(remove));
    let all_go = going.len() == seen.replicas.len();
    if how.services.is_none() && all_go {
        work.tidy.extend(seen.networks.iter().map(|one| Act::RemoveNetwork { key: one.key.clone() }));
        if how.volumes {
            work.tidy.extend(seen.volumes.iter().map(|one| Act::RemoveVolume { key: one.key.clone() }));
        }
    }
    work
}

/// Those that need others before these. Labels may say anything: a circle is broken anywhere.
fn in_order(mut rest: Vec<&Replica>) -> Vec<&Replica> {
    rest.sort_by(|a, b| {
        (&a.member.service, a.member.replica, &a.id).cmp(&(&b.member.service, b.member.replica, &b.id))
    });
    let mut order = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let needed = |one: &Replica, rest: &[&Replica]| {
            rest.iter().any(|other| {
                other.member.service != one.member.service && other.member.needs.contains(&one.member.service)
            })
        };
        let next = rest.iter().position(|one| !needed(one, &rest)).unwrap_or(0);
        order.push(rest.remove(next));
    }
    order
}
