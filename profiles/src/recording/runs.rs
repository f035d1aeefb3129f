//! Several runs together: in how many each call was seen, and whether another run would show more.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::watch::Run;
use crate::arch::Arch;
use crate::seccomp::{ArgTest, Clause, Entry, Refusal, SeccompProfile, Verb};
use crate::syscall::Syscall;

/// So many runs in a row without anything new are enough.
const CLEAN_RUNS: u32 = 2;

/// One call with one class of arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sight {
    /// The call.
    pub call: Syscall,
    /// The class; without a test, whatever its arguments.
    pub class: Clause,
}

/// Why an older recording cannot be gone on with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MergeError {
    /// It was written by hand.
    #[error(
        "`{0}` was not recorded: it says nothing of runs; use `profile narrow` to take a recording to it"
    )]
    NotRecorded(String),
    /// It is wider than what is in force now.
    #[error(
        "`{old}` admits `{call}`, which the profile in force (`{profile}`) denies or narrows: it was recorded in a wider tier; record anew"
    )]
    Wider {
        /// The older recording.
        old: String,
        /// The first call of it that is wider.
        call: Syscall,
        /// The profile in force.
        profile: String,
    },
}

/// What several runs showed.
#[derive(Clone, Debug)]
pub struct Recording {
    pub(super) profile: SeccompProfile,
    pub(super) arch: Arch,
    pub(super) runs: u32,
    clean: u32,
    pub(super) seen: BTreeMap<Sight, u32>,
    pub(super) crowded: BTreeSet<Syscall>,
    pub(super) refused: BTreeMap<(Syscall, Refusal), u32>,
    pub(super) numbers: BTreeSet<u32>,
}

impl Recording {
    /// Begins a recording of runs under this profile.
    pub fn new(profile: &SeccompProfile, arch: Arch) -> Self {
        Self {
            profile: profile.clone(),
            arch,
            runs: 0,
            clean: 0,
            seen: BTreeMap::new(),
            crowded: BTreeSet::new(),
            refused: BTreeMap::new(),
            numbers: BTreeSet::new(),
        }
    }

    /// Goes on with an older recording: what it saw counts, and its runs too.
    ///
    /// # Errors
    ///
    /// When it is no recording, or wider than the profile in force.
    pub fn go_on_with(&mut self, old: &SeccompProfile) -> Result<(), MergeError> {
        let name = || old.name().to_string();
        let recorded = old.recorded().ok_or_else(|| MergeError::NotRecorded(name()))?;
        if let Some(wider) = old.beyond(&self.profile).first() {
            let profile = self.profile.name().to_string();
            return Err(MergeError::Wider { old: name(), call: wider.call, profile });
        }
        self.runs = self.runs.saturating_add(recorded.runs);
        for entry in old.entries() {
            let Some(runs) = entry.seen().filter(|_| entry.arches().contains(&self.arch)) else { continue };
            for call in entry.calls().iter().copied() {
                self.count(entry, call, runs);
            }
        }
        Ok(())
    }

    fn count(&mut self, entry: &Entry, call: Syscall, runs: u32) {
        let add = |known: &mut u32| *known = known.saturating_add(runs);
        match entry.verb() {
            Verb::Refuse(answer) => add(self.refused.entry((call, answer)).or_default()),
            Verb::Allow => {
                for class in clauses(entry) {
                    add(self.seen.entry(Sight { call, class }).or_default());
                }
            }
        }
    }

    /// Adds a run, and says how much of it was new.
    pub fn add(&mut self, run: &Run) -> usize {
        let mut new = 0_usize;
        self.runs = self.runs.saturating_add(1);
        let mut count = |known: &mut u32| {
            new = new.saturating_add(usize::from(*known == 0));
            *known = known.saturating_add(1);
        };
        for (call, classes) in &run.seen {
            for class in classes {
                count(self.seen.entry(Sight { call: *call, class: *class }).or_default());
            }
        }
        for refused in &run.refused {
            count(self.refused.entry(*refused).or_default());
        }
        self.crowded.extend(&run.crowded);
        self.numbers.extend(&run.numbers);
        self.clean = if new == 0 { self.clean.saturating_add(1) } else { 0 };
        new
    }

    /// Gives the architecture.
    pub const fn arch(&self) -> Arch {
        self.arch
    }

    /// Counts the runs, those of an older recording too.
    pub const fn runs(&self) -> u32 {
        self.runs
    }

    /// Says whether the last two runs showed nothing new.
    pub const fn is_settled(&self) -> bool {
        self.clean >= CLEAN_RUNS
    }

    /// Lists what was seen in one run only, of several: the next run may need it, or never again.
    pub fn fragile(&self) -> Vec<Sight> {
        let once = |(_, runs): &(&Sight, &u32)| **runs == 1 && self.runs > 1;
        self.seen.iter().filter(once).map(|(sight, _)| *sight).collect()
    }

    /// Lists what was asked for and denied, with the answer and the number of runs.
    pub fn refused(&self) -> impl Iterator<Item = (Syscall, Refusal, u32)> {
        self.refused.iter().map(|((call, answer), runs)| (*call, *answer, *runs))
    }

    /// Lists calls that were asked for with more kinds of arguments than are kept: they are admitted as in force.
    pub fn crowded(&self) -> impl Iterator<Item = Syscall> {
        self.crowded.iter().copied()
    }

    /// Lists numbers that were asked for and that no table has; they were denied.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.numbers.iter().copied()
    }
}

/// The conditions of an entry, multiplied out; the reader has bounded them.
fn clauses(entry: &Entry) -> Vec<Clause> {
    let mut clauses = vec![Clause::ANY];
    for test in entry.when() {
        let single =
            |value: &u64| Clause::of([ArgTest { arg: test.arg(), mask: test.mask(), value: *value }]);
        let singles: Vec<Clause> = test.values().values().filter_map(single).collect();
        clauses = clauses.iter().flat_map(|one| singles.iter().filter_map(|two| one.meet(two))).collect();
    }
    clauses
}
