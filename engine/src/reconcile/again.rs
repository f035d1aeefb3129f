use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::down::{end, in_order};
use super::up::{again, done};
use crate::desired::{Until, Wait};
use crate::label::Role;
use crate::work::{Act, After, Step, Work};
use crate::world::{Replica, Seen};

/// What is started again.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// These services only; nothing: all.
    pub services: Option<BTreeSet<String>>,
    /// What each service waits for, as its files say; of one that is not named here, its labels say what it needs.
    pub waits: BTreeMap<String, Vec<Wait>>,
}

impl Again {
    fn means(&self, one: &Replica) -> bool {
        let service = &one.member.service;
        one.member.role == Role::Replica
            && self.services.as_ref().is_none_or(|services| services.contains(service))
    }

    fn waits(&self, one: &Replica) -> Vec<Wait> {
        let by_label = |service: &String| Wait {
            service: service.as_str().into(),
            until: Until::Started,
            required: true,
            restart: false,
        };
        let labels = || one.member.needs.iter().map(by_label).collect();
        let mut waits: Vec<Wait> = self.waits.get(&one.member.service).cloned().unwrap_or_else(labels);
        // Whatever files say by now: it shares that one's network until it is made anew.
        let beside = one.member.beside.as_ref();
        let beside = beside.filter(|beside| !waits.iter().any(|wait| *wait.service == ***beside));
        waits.extend(beside.map(by_label));
        waits
    }
}

/// The steps that start what does not run: whatever another needs before it.
pub fn start(seen: &Seen, how: &Again) -> Work {
    let meant: Vec<&Replica> = seen.replicas.iter().filter(|one| how.means(one)).collect();
    let starting: Vec<&Replica> = meant.iter().copied().filter(|one| !one.condition.is_running()).collect();
    let ends = beside(seen, &starting);
    works(both(meant, &ends), &ends, how, None)
}

/// One that would be started in the network of another that would not run: whose, and which other.
pub fn without_network<'a>(seen: &'a Seen, work: &Work) -> Option<(&'a str, &'a str)> {
    let starts = work.starts_again();
    let will_run = |service: &String| {
        seen.replicas.iter().any(|one| {
            one.member.role == Role::Replica
                && one.member.service == *service
                && (one.condition.is_running() || starts.contains(one.id.as_str()))
        })
    };
    let starting = seen.replicas.iter().filter(|one| starts.contains(one.id.as_str()));
    let mut lonely = starting.filter_map(|one| {
        let other = one.member.beside.as_ref().filter(|other| !will_run(other))?;
        Some((one.member.service.as_str(), other.as_str()))
    });
    lonely.next()
}

/// The steps that end what runs, and start all of it again.
pub fn restart(seen: &Seen, how: &Again, grace: Option<Duration>) -> Work {
    let meant: Vec<&Replica> = seen.replicas.iter().filter(|one| how.means(one)).collect();
    let lost = beside(seen, &meant);
    let all = both(meant, &lost);
    let ends: Vec<&Replica> = all.iter().copied().filter(|one| one.condition.is_running()).collect();
    works(all, &ends, how, grace)
}

/// Those that run and share the network of one that starts: they lose it, and have it again when they start after that one.
fn beside<'a>(seen: &'a Seen, starting: &[&Replica]) -> Vec<&'a Replica> {
    let starts = |service: &String| starting.iter().any(|one| one.member.service == *service);
    let loses = |one: &&Replica| {
        one.member.role == Role::Replica
            && one.condition.is_running()
            && one.member.beside.as_ref().is_some_and(starts)
    };
    seen.replicas.iter().filter(loses).collect()
}

fn both<'a>(mut some: Vec<&'a Replica>, others: &[&'a Replica]) -> Vec<&'a Replica> {
    let more = others.iter().copied().filter(|one| !is_in(one, &some)).collect::<Vec<_>>();
    some.extend(more);
    some
}

fn is_in(one: &Replica, some: &[&Replica]) -> bool {
    some.iter().any(|other| other.id == one.id)
}

/// Ends some of these, and starts all that do not run then.
fn works(all: Vec<&Replica>, ends: &[&Replica], how: &Again, grace: Option<Duration>) -> Work {
    let mut all = in_order(all);
    let mut steps: Vec<Step> = Vec::new();
    let mut ended: BTreeMap<&str, usize> = BTreeMap::new();
    for one in all.iter().filter(|one| is_in(one, ends)) {
        // One after another: whoever needs another ends before it.
        let after = steps.last().map(|last| done(last.number)).into_iter().collect();
        let number = steps.len().saturating_add(1);
        steps.push(Step { number, act: end(one, grace), after });
        ended.insert(&one.id, number);
    }
    all.reverse();
    starts(&all, how, &ended, &mut steps);
    Work { steps, ..Work::default() }
}

/// A step for each of these, which are in the order of their starts; those that run and were not ended are kept.
fn starts(meant: &[&Replica], how: &Again, ended: &BTreeMap<&str, usize>, steps: &mut Vec<Step>) {
    let mut started: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for one in meant {
        let mut after: Vec<After> = ended.get(one.id.as_str()).map(|step| done(*step)).into_iter().collect();
        let keeps = one.condition.is_running() && after.is_empty();
        for wait in how.waits(one).iter().filter(|_| !keeps) {
            let behind = started.get(&*wait.service).into_iter().flatten();
            after.extend(behind.map(|step| After {
                step: *step,
                until: wait.until,
                required: wait.required,
            }));
        }
        let number = steps.len().saturating_add(1);
        let keep = || Act::Keep { id: one.id.clone(), name: one.name.clone() };
        steps.push(Step { number, act: if keeps { keep() } else { again(one) }, after });
        started.entry(&one.member.service).or_default().push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::Membership;
    use crate::world::Condition;

    fn replica(service: &str, needs: &[&str], role: Role, runs: bool) -> Replica {
        let member = Membership {
            project: "shop".to_owned(),
            origin: "0".to_owned(),
            service: service.to_owned(),
            replica: 1,
            run: "r".to_owned(),
            config: "c".to_owned(),
            needs: needs.iter().map(|name| (*name).to_owned()).collect(),
            beside: None,
            borrows: Vec::new(),
            role,
            stop_ms: None,
            stop_signal: None,
            secrets: false,
        };
        let condition = if runs { Condition::Running(None) } else { Condition::Exited(0) };
        Replica {
            id: service.to_owned(),
            name: service.to_owned(),
            member,
            plan: String::new(),
            condition,
            paused: false,
        }
    }

    fn shop(runs: bool) -> Seen {
        let replicas = vec![
            replica("app", &["db"], Role::Replica, runs),
            replica("db", &[], Role::Replica, runs),
            replica("web", &["app"], Role::Replica, runs),
            replica("job", &["db"], Role::OneOff, runs),
        ];
        Seen { replicas, ..Seen::default() }
    }

    #[test]
    fn what_is_needed_starts_first_as_labels_say() {
        let work = start(&shop(false), &Again::default());
        assert_eq!(
            work.to_string(),
            "1  start db again\n2  start app again  after 1\n3  start web again  after 2\n"
        );
        let kept = start(&shop(true), &Again::default());
        assert_eq!(kept.to_string(), "1  keep db\n2  keep app\n3  keep web\n");
    }

    #[test]
    fn what_files_say_of_a_service_goes_before_its_labels() {
        let healthy = Wait { service: "db".into(), until: Until::Healthy, required: true, restart: false };
        let waits = BTreeMap::from([("app".to_owned(), vec![healthy])]);
        let services = Some(BTreeSet::from(["app".to_owned(), "db".to_owned()]));
        let work = start(&shop(false), &Again { services, waits });
        assert_eq!(work.to_string(), "1  start db again\n2  start app again  after 1 is healthy\n");
    }

    /// The log shares the network of the database, and waits for it as its label says.
    fn with_log(mut seen: Seen) -> Seen {
        let mut log = replica("log", &["db"], Role::Replica, true);
        log.member.beside = Some("db".to_owned());
        seen.replicas.push(log);
        seen
    }

    #[test]
    fn who_shares_a_network_is_started_again_with_the_one_whose_it_is() {
        let only = |service: &str| Again {
            services: Some(BTreeSet::from([service.to_owned()])),
            waits: BTreeMap::new(),
        };
        let ended =
            "1  stop log\n2  stop db  after 1\n3  start db again  after 2\n4  start log again  after 1, 3\n";
        assert_eq!(restart(&with_log(shop(true)), &only("db"), None).to_string(), ended);
        assert_eq!(
            restart(&with_log(shop(true)), &only("app"), None).to_string(),
            "1  stop app\n2  start app again  after 1\n"
        );
        let lost = "1  stop log\n2  start db again\n3  start log again  after 1, 2\n";
        assert_eq!(start(&with_log(shop(false)), &only("db")).to_string(), lost);
        assert_eq!(start(&with_log(shop(true)), &only("db")).to_string(), "1  keep db\n");
        // The files say by now that it has a network of its own, and `up` has not seen to that yet.
        let apart = Again { waits: BTreeMap::from([("log".to_owned(), Vec::new())]), ..only("db") };
        assert_eq!(restart(&with_log(shop(true)), &apart, None).to_string(), ended);
    }

    #[test]
    fn a_restart_ends_all_in_the_other_order_first() {
        let work = restart(&shop(true), &Again::default(), None);
        let acts: Vec<String> = work.steps.iter().map(|step| step.act.to_string()).collect();
        let wanted =
            ["stop web", "stop app", "stop db", "start db again", "start app again", "start web again"];
        assert_eq!(acts, wanted);
        let behind = |number: usize| {
            work.steps
                .iter()
                .find(|step| step.number == number)
                .map(|step| step.after.iter().map(|after| after.step).collect::<Vec<_>>())
        };
        assert_eq!(behind(5), Some(vec![2, 4]), "its own end, and the start of what it needs");
    }
}
