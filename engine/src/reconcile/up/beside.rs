//! Those who share the network of another: they lose it with that one's sandbox, and have it again when they start behind it.

use std::collections::BTreeSet;

use super::{Builder, Fate, again, done, is_aside, stop};
use crate::desired::StopHow;
use crate::label::Role;
use crate::work::After;
use crate::world::Replica;

impl<'a> Builder<'a> {
    /// Ends those who share the network of a sandbox that does not stay as it is.
    pub(super) fn neighbours(&mut self, renewed: &BTreeSet<&str>) {
        for unit in &self.desired.units {
            if !matches!(self.fate(unit, renewed), Fate::Keep(_) | Fate::GoOn(_)) {
                self.moved.insert(&unit.service);
            }
        }
        for unit in &self.desired.units {
            let Some(other) = unit.beside.as_deref().filter(|other| self.moved.contains(other)) else {
                continue;
            };
            if let Some(found) = self.found(unit).filter(|found| found.condition.is_running()) {
                self.leave(found, unit.stop, other);
            }
        }
        // Whoever is left alone by a service of which there is to be none has no network any more.
        self.moved.extend(self.desired.none_of.iter().map(String::as_str));
        for (found, other) in self.moved_strangers() {
            self.leave(found, found.member.stop_how(), other);
        }
    }

    /// Ends one in the network of another, unless it ends already.
    fn leave(&mut self, found: &'a Replica, how: StopHow, other: &'a str) {
        if !self.stopped.contains_key(found.id.as_str()) {
            let step = self.add(stop(found, how), Vec::new());
            self.stopped.insert(&found.id, step);
            self.left.entry(other).or_default().push(step);
        }
    }

    /// Those that run and that nobody asks for now.
    pub(super) fn strangers(&self) -> impl Iterator<Item = &'a Replica> + use<'a> {
        let asked: BTreeSet<&str> = self.desired.units.iter().map(|unit| unit.service.as_str()).collect();
        let running = self.seen.replicas.iter().filter(|one| one.condition.is_running() && !is_aside(one));
        running.filter(move |one| {
            one.member.role == Role::Replica && !asked.contains(one.member.service.as_str())
        })
    }

    /// Those of them that share the network of one that does not stay as it is, and whose that is.
    fn moved_strangers(&self) -> Vec<(&'a Replica, &'a str)> {
        let beside = |one: &'a Replica| Some((one, one.member.beside.as_deref()?));
        self.strangers().filter_map(beside).filter(|(_, other)| self.moved.contains(other)).collect()
    }

    /// They come back in the network that there is then, as they were; not those that go, or that have none to come back to.
    pub(super) fn strangers_again(&mut self) {
        for (found, other) in self.moved_strangers() {
            if self.goes(found) || self.desired.none_of.contains(other) {
                continue;
            }
            let stopped = self.stopped.get(found.id.as_str()).copied();
            let mut after: Vec<After> = stopped.map(done).into_iter().collect();
            after.extend(self.started.get(other).into_iter().flatten().copied().map(done));
            self.add(again(found), after);
        }
    }
}
