use std::collections::{HashMap, HashSet};

use crate::error::{Problem, Reason, Report, cycle};
use crate::node::{Mapping, Node};
use crate::project::{Project, dependencies, sorted};

/// Finds services that wait for each other. Each knot is told once, by one cycle that begins with its smallest name.
pub(super) fn check(project: &Project, report: &mut Report) {
    let services = project.services();
    let mut done: HashSet<&str> = HashSet::new();
    for (start, _) in sorted(services) {
        if let Some(round) = search(services, start, &mut done) {
            tell(services, round, report);
        }
    }
}

/// Depth first, smallest names first, without recursion: a file decides how long a chain is.
fn search<'a>(services: &'a Mapping, start: &'a str, done: &mut HashSet<&'a str>) -> Option<Vec<&'a str>> {
    if done.contains(start) {
        return None;
    }
    let mut path: Vec<&str> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut stack = vec![(start, false)];
    let mut found = None;
    while let Some((name, leaving)) = stack.pop() {
        if leaving {
            path.pop();
            places.remove(name);
            done.insert(name);
            continue;
        }
        if let Some(from) = places.get(name) {
            if found.is_none() {
                found = path.get(*from..).map(<[&str]>::to_vec);
            }
            continue;
        }
        if done.contains(name) {
            continue;
        }
        places.insert(name, path.len());
        path.push(name);
        stack.push((name, true));
        if let Some(service) = services.get(name) {
            let mut needed: Vec<&str> =
                dependencies(service).map(|(name, _)| name).filter(|name| services.contains(name)).collect();
            needed.sort_unstable_by(|a, b| b.cmp(a));
            stack.extend(needed.into_iter().map(|name| (name, false)));
        }
    }
    found
}

fn tell(services: &Mapping, mut round: Vec<&str>, report: &mut Report) {
    let message = format!("dependency cycle: {}", cycle(&mut round));
    let Some(first) = round.first() else { return };
    let next = round.get(1).unwrap_or(first);
    let place = services
        .get(first)
        .and_then(|service| service.get("depends_on"))
        .and_then(Node::mapping)
        .and_then(|depends| depends.entry(next))
        .map(|(key, _)| key.span);
    report.problem(match place {
        Some(span) => Problem::new(Reason::Cycle, span, message),
        None => Problem::nowhere(Reason::Cycle, message),
    });
}
