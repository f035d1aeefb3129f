//! A profile without the calls that a recording never saw.

use std::collections::BTreeSet;

use super::entry::{Entry, Verb};
use super::error::ProfileError;
use super::profile::{SeccompProfile, Text};
use crate::arch::Arch;
use crate::syscall::Syscall;

impl SeccompProfile {
    /// Drops the calls that `seen` does not admit with any argument, on the architectures that it admits anything on; a
    /// recording says nothing about the others. Reasons, conditions and refusals stay as they were written.
    ///
    /// # Errors
    ///
    /// Never for a profile that was read; the result is read again to be sure of it.
    pub fn narrowed_to(&self, seen: &Self) -> Result<Self, ProfileError> {
        let spoken: BTreeSet<Arch> =
            Arch::ALL.into_iter().filter(|arch| seen.call_count(*arch) > 0).collect();
        let keeps =
            |arch: Arch, call: Syscall| !spoken.contains(&arch) || seen.admission(arch, call).is_some();
        let mut entries = Vec::new();
        for entry in self.entries() {
            match entry.verb() {
                Verb::Allow => entries.extend(narrowed(entry, &keeps)),
                Verb::Refuse(_) => entries.push(entry.clone()),
            }
        }
        let text = Text::Read {
            description: self.description().to_owned(),
            entries,
            recorded: self.recorded().cloned().map(Box::new),
        };
        let narrowed = Self { name: self.name().clone(), meaning: self.meaning.clone(), text };
        Self::parse(&narrowed.to_toml())
    }
}

/// The entry for each group of architectures that keep the same calls.
fn narrowed(entry: &Entry, keeps: &impl Fn(Arch, Syscall) -> bool) -> Vec<Entry> {
    let mut groups: Vec<(Vec<Arch>, Vec<Syscall>)> = Vec::new();
    for arch in entry.arches().iter().copied() {
        let there = |call: &Syscall| call.number(arch).is_some() && keeps(arch, *call);
        let calls: Vec<Syscall> = entry.calls().iter().copied().filter(there).collect();
        groups.push((vec![arch], calls));
    }
    let all: BTreeSet<Syscall> = groups.iter().flat_map(|(_, calls)| calls.iter().copied()).collect();
    let agrees = |(arches, calls): &(Vec<Arch>, Vec<Syscall>)| {
        let there = |call: &&Syscall| arches.iter().all(|arch| call.number(*arch).is_some());
        all.iter().filter(there).all(|call| calls.contains(call))
    };
    if groups.iter().all(agrees) {
        let kept = entry.calls().iter().copied().filter(|call| all.contains(call)).collect();
        groups = vec![(entry.arches().to_vec(), kept)];
    }
    groups.retain(|(_, calls)| !calls.is_empty());
    groups.into_iter().map(|(arches, calls)| Entry { calls, arches, ..entry.clone() }).collect()
}
