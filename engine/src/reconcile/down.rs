use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::up;
use crate::desired::{StopHow, Until};
use crate::label::Role;
use crate::work::{Act, After, Step, Work};
use crate::world::{Replica, Seen, SeenResource};

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
    let mut work = Work { steps: stops(&going, how.grace), ..Work::default() };
    work.tidy.extend(going.iter().copied().map(up::remove));
    let all_go = going.len() == seen.replicas.len();
    if how.services.is_none() && all_go {
        let remove =
            |one: &SeenResource| Act::RemoveNetwork { key: one.key.clone(), called: one.called.clone() };
        work.tidy.extend(seen.networks.iter().map(remove));
        if how.volumes {
            work.tidy.extend(seen.volumes.iter().map(remove_volume));
        }
    } else if how.volumes {
        work.tidy.extend(own_volumes(seen, &going).map(remove_volume));
    }
    work
}

fn remove_volume(volume: &SeenResource) -> Act {
    Act::RemoveVolume { key: volume.key.clone() }
}

/// The volumes that are the own of these services, and that nobody sees any more when they are gone.
pub fn own_volumes<'a>(
    seen: &'a Seen,
    going: &[&'a Replica],
) -> impl Iterator<Item = &'a SeenResource> + use<'a> {
    let stays = |one: &&Replica| !going.iter().any(|other| other.id == one.id);
    let staying: BTreeSet<&str> = seen.replicas.iter().filter(stays).flat_map(owners).collect();
    let goes: BTreeSet<&str> = going.iter().map(|one| one.member.service.as_str()).collect();
    seen.volumes.iter().filter(move |volume| {
        let service = volume.service.as_deref();
        service.is_some_and(|service| goes.contains(service) && !staying.contains(service))
    })
}

/// The services whose own volumes a sandbox sees.
fn owners(one: &Replica) -> impl Iterator<Item = &str> {
    [&one.member.service].into_iter().chain(&one.member.borrows).map(String::as_str)
}

/// The steps that end what runs of a project, and remove nothing: whoever needs another ends before it.
pub fn stop(seen: &Seen, services: Option<&BTreeSet<String>>, grace: Option<Duration>) -> Work {
    let ends = |one: &&Replica| {
        one.member.role == Role::Replica
            && one.condition.is_running()
            && services.is_none_or(|services| services.contains(&one.member.service))
    };
    let ending = in_order(seen.replicas.iter().filter(ends).collect());
    Work { steps: stops(&ending, grace), ..Work::default() }
}

/// A step for each of these, which are in the order of their ends; the first of all steps.
pub(super) fn stops(going: &[&Replica], grace: Option<Duration>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut stopped: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for one in going {
        let needing = going.iter().filter(|other| other.member.needs.contains(&one.member.service));
        let needing: BTreeSet<&str> = needing.map(|other| other.member.service.as_str()).collect();
        let after = needing.iter().filter_map(|service| stopped.get(service)).flatten();
        let after = after.map(|step| After { step: *step, until: Until::Started, required: true }).collect();
        let number = steps.len().saturating_add(1);
        steps.push(Step { number, act: end(one, grace), after });
        stopped.entry(&one.member.service).or_default().push(number);
    }
    steps
}

/// Ends it, in its own time or in this.
pub(super) fn end(one: &Replica, grace: Option<Duration>) -> Act {
    let own = one.member.stop_how();
    let how = StopHow { grace: grace.or(own.grace), ..own };
    let (id, name, service) = (one.id.clone(), one.name.clone(), one.member.service.clone());
    Act::Stop { id, name, how, service }
}

/// Those that need others before these. Labels may say anything: a circle is broken anywhere.
pub(super) fn in_order(mut rest: Vec<&Replica>) -> Vec<&Replica> {
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
