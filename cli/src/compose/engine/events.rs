use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_engine::Membership;
use perry_sandbox_runner::{Health, SandboxInfo, SandboxStatus};
use serde_json::json;

use super::look_args::EventsArgs;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// From one look at the sandboxes to the next.
const PAUSE: Duration = Duration::from_millis(200);

/// What is looked at of a sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Look {
    service: String,
    name: String,
    image: String,
    status: SandboxStatus,
    health: Option<Health>,
    started: Option<Timestamp>,
}

/// Something that has happened to a sandbox since the last look, in docker's words.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Change {
    id: String,
    action: String,
    of: Look,
}

/// Prints what happens to a project's sandboxes, until the user ends it.
pub(crate) fn events(cli: &Cli, args: &EventsArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let mut before = looks(there.members(&args.services)?);
    loop {
        thread::sleep(PAUSE);
        let now = looks(there.members(&args.services)?);
        for change in changes(&before, &now) {
            if !output::line(b"", text(&change, Timestamp::now(), args.json).as_bytes()) {
                return Ok(Exit::Done);
            }
        }
        before = now;
    }
}

fn looks(members: Vec<(Membership, SandboxInfo)>) -> BTreeMap<String, Look> {
    let look = |(member, info): (Membership, SandboxInfo)| {
        let look = Look {
            service: member.service,
            name: info.name.to_string(),
            image: info.image,
            status: info.status,
            health: info.health,
            started: info.started,
        };
        (info.id.to_string(), look)
    };
    members.into_iter().map(look).collect()
}

/// What has happened between two looks.
fn changes(before: &BTreeMap<String, Look>, now: &BTreeMap<String, Look>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |id: &String, action: &str, of: &Look| {
        changes.push(Change { id: id.clone(), action: action.to_owned(), of: of.clone() });
    };
    for (id, look) in before.iter().filter(|(id, _)| !now.contains_key(*id)) {
        if look.status == SandboxStatus::Running {
            add(id, "die", look);
        }
        add(id, "destroy", look);
    }
    for (id, look) in now {
        let old = before.get(id);
        if old.is_none() {
            add(id, "create", look);
        }
        let ran = old.is_some_and(|old| old.status == SandboxStatus::Running);
        let anew = old.is_none_or(|old| old.started != look.started) && look.started.is_some();
        if anew {
            if ran {
                add(id, "die", look);
            }
            add(id, "start", look);
        }
        if (ran || anew) && look.status != SandboxStatus::Running {
            add(id, "die", look);
        }
        if let Some(health) = look.health.filter(|health| old.and_then(|old| old.health) != Some(*health)) {
            add(id, &format!("health_status: {health}"), look);
        }
    }
    changes
}

fn text(change: &Change, at: Timestamp, as_json: bool) -> String {
    let Change { id, action, of } = change;
    if as_json {
        let attributes = json!({ "image": of.image, "name": of.name });
        let event = json!({
            "time": at.to_string(),
            "type": "container",
            "action": action,
            "id": id,
            "service": of.service,
            "attributes": attributes,
        });
        return event.to_string();
    }
    let at = at.strftime("%Y-%m-%d %H:%M:%S%.6f");
    output::printable(&format!("{at} container {action} {id} (image={}, name={})", of.image, of.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(status: SandboxStatus, started: Option<i64>) -> BTreeMap<String, Look> {
        let (service, name, image) = ("web".to_owned(), "shop-web-1".to_owned(), "x".to_owned());
        let started = started.map(|at| Timestamp::from_second(at).unwrap());
        BTreeMap::from([("1".to_owned(), Look { service, name, image, status, health: None, started })])
    }

    #[test]
    fn what_lies_between_two_looks_is_told_in_order() {
        let (none, running) = (BTreeMap::new(), look(SandboxStatus::Running, Some(1)));
        let ended = look(SandboxStatus::Exited, Some(1));
        for (before, now, wanted) in [
            (&none, &running, vec!["create", "start"]),
            (&none, &ended, vec!["create", "start", "die"]),
            (&none, &look(SandboxStatus::Created, None), vec!["create"]),
            (&running, &running, vec![]),
            (&running, &ended, vec!["die"]),
            (&running, &look(SandboxStatus::Running, Some(2)), vec!["die", "start"]),
            (&ended, &look(SandboxStatus::Running, Some(2)), vec!["start"]),
            (&running, &none, vec!["die", "destroy"]),
            (&ended, &none, vec!["destroy"]),
        ] {
            let found: Vec<String> = changes(before, now).into_iter().map(|one| one.action).collect();
            assert_eq!(found, wanted);
        }
    }

    #[test]
    fn health_is_told_when_it_changes() {
        let before = look(SandboxStatus::Running, Some(1));
        let mut now = before.clone();
        for look in now.values_mut() {
            look.health = Some(Health::Healthy);
        }
        let found = changes(&before, &now);
        assert_eq!(found.first().unwrap().action, "health_status: healthy");
        assert!(changes(&now, &now).is_empty());
    }
}
