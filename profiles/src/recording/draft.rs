//! From a recording to a profile: entries with their evidence, in an order that depends on nothing but what was seen.

use std::collections::{BTreeMap, BTreeSet};

use super::classes;
use super::runs::{Recording, Sight};
use crate::seccomp::{
    Admission, ArgTest, Clause, Entry, NamedTest, ProfileError, ProfileName, Recorded, Refusal,
    SeccompProfile, Verb,
};
use crate::syscall::Syscall;

/// What becomes of a call that the recording does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The answers of the profile that was in force.
    AsInForce,
    /// The process dies, unless the call was asked for and denied while it was recorded: to prove a recording.
    Kill,
}

/// A profile that is made of a recording.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The profile's name.
    pub name: ProfileName,
    /// How it came to be.
    pub recorded: Recorded,
    /// Who starts it, and the calls that this needs.
    pub runtime: (&'a str, &'a [Syscall]),
    /// What becomes of other calls.
    pub outside: Outside,
    /// Left out, to see whether it is needed.
    pub without: Option<Sight>,
}

/// Sights of one call with conditions on the same bits.
type Shape = (Syscall, Vec<(u8, u64)>, u32);

impl Recording {
    /// Makes the profile.
    ///
    /// # Errors
    ///
    /// When it cannot be read back, which would be a fault of ours: nothing is used that was not read.
    pub fn profile(&self, draft: &Draft<'_>) -> Result<SeccompProfile, ProfileError> {
        let mut entries = Vec::new();
        let whole = self.whole(draft.runtime.1);
        self.plain_entries(draft, &whole, &mut entries);
        self.conditional_entries(draft, &whole, &mut entries);
        self.runtime_entry(draft, &mut entries);
        self.refusals(draft, &mut entries);
        let unknown = match draft.outside {
            Outside::Kill if self.numbers.is_empty() => Refusal::Kill,
            Outside::Kill | Outside::AsInForce => self.profile.unknown(),
        };
        let (recorded, name) = (draft.recorded.clone(), draft.name.clone());
        let description = format!("Recorded in {} runs of {}", self.runs, recorded.command.join(" "));
        let description = Recorded::word(&description);
        SeccompProfile::parse(
            &SeccompProfile::drafted(name, description, unknown, entries, recorded).to_toml(),
        )
    }

    /// Calls whose conditions are those in force, as far as there are any: the runtime's, and those with too many classes.
    fn whole(&self, runtime: &[Syscall]) -> BTreeSet<Syscall> {
        runtime.iter().copied().chain(self.crowded.iter().copied()).collect()
    }

    fn kept(&self, draft: &Draft<'_>) -> impl Iterator<Item = (Sight, u32)> {
        let without = draft.without;
        self.seen
            .iter()
            .filter(move |(sight, _)| Some(**sight) != without)
            .map(|(sight, runs)| (*sight, *runs))
    }

    /// Calls that need no condition, together by the number of runs.
    fn plain_entries(&self, draft: &Draft<'_>, whole: &BTreeSet<Syscall>, entries: &mut Vec<Entry>) {
        let mut by_runs: BTreeMap<u32, Vec<Syscall>> = BTreeMap::new();
        for (sight, runs) in self.kept(draft) {
            let runtimes = draft.runtime.1.contains(&sight.call);
            if sight.class == Clause::ANY && !whole.contains(&sight.call) && !runtimes {
                by_runs.entry(runs).or_default().push(sight.call);
            }
        }
        for (runs, calls) in by_runs.into_iter().rev() {
            entries.push(self.entry(calls, Vec::new(), runs));
        }
    }

    fn conditional_entries(&self, draft: &Draft<'_>, whole: &BTreeSet<Syscall>, entries: &mut Vec<Entry>) {
        let mut shapes: BTreeMap<Shape, BTreeSet<Vec<u64>>> = BTreeMap::new();
        for (sight, runs) in self.kept(draft) {
            if sight.class == Clause::ANY || whole.contains(&sight.call) {
                continue;
            }
            let (bits, values) = sight.class.tests().map(|test| ((test.arg, test.mask), test.value)).unzip();
            shapes.entry((sight.call, bits, runs)).or_default().insert(values);
        }
        for ((call, bits, runs), rows) in shapes {
            for when in self.tests(call, &bits, rows) {
                entries.push(self.entry(vec![call], when, runs));
            }
        }
        for call in whole.iter().filter(|call| self.crowded.contains(call)) {
            let runs = self.seen.iter().filter(|(sight, _)| sight.call == *call).map(|(_, runs)| *runs).max();
            self.as_in_force(*call, |when| self.entry(vec![*call], when, runs.unwrap_or(1)), entries);
        }
    }

    /// The conditions in force for a call, each as an entry.
    fn as_in_force(&self, call: Syscall, entry: impl Fn(Vec<NamedTest>) -> Entry, entries: &mut Vec<Entry>) {
        let clauses = self.profile.admission(self.arch, call).map(Admission::clauses).unwrap_or_default();
        for clause in clauses {
            entries.push(entry(clause.tests().map(|test| self.named(call, test, [test.value])).collect()));
        }
    }

    /// Rows of values that differ in the last place only are one list of tests.
    fn tests(&self, call: Syscall, bits: &[(u8, u64)], rows: BTreeSet<Vec<u64>>) -> Vec<Vec<NamedTest>> {
        let mut by_head: BTreeMap<Vec<u64>, Vec<u64>> = BTreeMap::new();
        for mut row in rows {
            let last = row.pop();
            by_head.entry(row).or_default().extend(last);
        }
        let test = |(arg, mask): (u8, u64)| ArgTest { arg, mask, value: 0 };
        let lists = by_head.into_iter().map(|(head, last)| {
            let mut tests: Vec<NamedTest> =
                bits.iter().zip(head).map(|(bits, value)| self.named(call, test(*bits), [value])).collect();
            tests.extend(bits.last().map(|bits| self.named(call, test(*bits), last)));
            tests
        });
        lists.collect()
    }

    /// The test with names for its values: those of the profile in force, else the kernel's, else the number.
    fn named(&self, call: Syscall, test: ArgTest, values: impl IntoIterator<Item = u64>) -> NamedTest {
        let tests = || self.profile.entries_for(call).flat_map(|entry| entry.when().iter());
        let alike = |known: &&NamedTest| known.arg() == test.arg && known.mask() == test.mask;
        let name = |value: u64| {
            let mut known = tests().filter(alike).flat_map(NamedTest::values);
            let known = known.find(|(_, number)| **number == value).map(|(name, _)| name.as_str());
            known.or_else(|| classes::name(call.name(), test.arg, value)).map(str::to_owned)
        };
        let mut named = BTreeMap::new();
        for value in values {
            // Two entries of a profile may call different values the same, or a value by another number.
            let name = name(value).filter(|name| !name.starts_with("0x") && !named.contains_key(name));
            named.insert(name.unwrap_or_else(|| format!("{value:#x}")), value);
        }
        NamedTest::new(test, named)
    }

    fn runtime_entry(&self, draft: &Draft<'_>, entries: &mut Vec<Entry>) {
        let (runtime, calls) = draft.runtime;
        let reason = format!("{runtime} needs it between loading the filter and the program's start");
        let seen = |call: Syscall| {
            self.seen.iter().filter(move |(sight, _)| sight.call == call).map(|(_, runs)| *runs).max()
        };
        let entry = |calls: Vec<Syscall>, when: Vec<NamedTest>| {
            let runs = calls.iter().copied().filter_map(seen).max();
            let entry = Entry::drafted(Verb::Allow, calls, self.arch, when, reason.clone());
            entry.with_evidence(runs, Some(runtime))
        };
        let own = calls.iter().copied().filter(|call| !self.crowded.contains(call));
        let always =
            |call: &Syscall| self.profile.admission(self.arch, *call).is_some_and(Admission::is_always);
        // Those that the program was seen to make as well keep their own count.
        let (plain, rest): (Vec<_>, Vec<_>) = own.partition(|call| always(call) && seen(*call).is_none());
        if !plain.is_empty() {
            entries.push(entry(plain, Vec::new()));
        }
        for call in rest {
            self.as_in_force(call, |when| entry(vec![call], when), entries);
        }
    }

    /// What was asked for and denied keeps its answer: the program has gone on with that.
    fn refusals(&self, draft: &Draft<'_>, entries: &mut Vec<Entry>) {
        let mut groups: BTreeMap<(String, u32), (Refusal, Vec<Syscall>)> = BTreeMap::new();
        for (call, answer, runs) in self.refused() {
            let is_admitted =
                self.kept(draft).any(|(sight, _)| sight.call == call && sight.class == Clause::ANY);
            if !is_admitted {
                groups.entry((answer.to_string(), runs)).or_insert((answer, Vec::new())).1.push(call);
            }
        }
        for ((_, runs), (answer, calls)) in groups {
            let name = self.profile.name();
            let reason = format!("asked for and denied by {name} in {runs} of {} runs", self.runs);
            let entry = Entry::drafted(Verb::Refuse(answer), calls, self.arch, Vec::new(), reason);
            entries.push(entry.with_evidence(Some(runs), None));
        }
        if draft.outside == Outside::Kill {
            self.deadly(draft, entries);
        }
    }

    /// A call that is admitted with some arguments kills with others, unless it was denied with such before.
    fn deadly(&self, draft: &Draft<'_>, entries: &mut Vec<Entry>) {
        let conditional = self.kept(draft).filter(|(sight, _)| sight.class != Clause::ANY);
        let mut calls: BTreeSet<Syscall> = conditional.map(|(sight, _)| sight.call).collect();
        calls.retain(|call| !self.refused.keys().any(|(refused, _)| refused == call));
        calls.retain(|call| !draft.runtime.1.contains(call) && !self.crowded.contains(call));
        if !calls.is_empty() {
            let (verb, calls) = (Verb::Refuse(Refusal::Kill), calls.into_iter().collect());
            let reason = "to prove the recording".to_owned();
            entries.push(Entry::drafted(verb, calls, self.arch, Vec::new(), reason));
        }
    }

    fn entry(&self, calls: Vec<Syscall>, when: Vec<NamedTest>, runs: u32) -> Entry {
        let fragile = if runs == 1 && self.runs > 1 { ": fragile" } else { "" };
        let reason = format!("seen in {runs} of {} runs{fragile}", self.runs);
        Entry::drafted(Verb::Allow, calls, self.arch, when, reason).with_evidence(Some(runs), None)
    }
}
