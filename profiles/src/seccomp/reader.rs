//! Reads a profile from TOML. Nothing is guessed: what cannot be read exactly is refused.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::action::{Errno, Refusal};
use super::admission::Admission;
use super::clause::{ARGS, ArgTest, Clause};
use super::entry::{Entry, NamedTest, Verb};
use super::error::{ConditionProblem, ProfileError};
use super::order::MEET_PREFIX;
use super::profile::{Meaning, ProfileName, Rule, SeccompProfile, Text};
use super::recorded::Recorded;
use crate::arch::Arch;
use crate::syscall::Syscall;

/// The only format there is.
pub(super) const SCHEMA: &str = "perry-sandbox/seccomp-profile/v1";
/// The longest text that is read, in bytes.
const MOST_BYTES: usize = 256 * 1024;
/// The most entries of a profile.
const MOST_ENTRIES: usize = 512;
/// The most calls of an entry.
const MOST_CALLS: usize = 512;
/// The longest description or reason, in bytes.
const LONGEST_REASON: usize = 1000;
/// The most combinations of values in one entry's conditions.
const MOST_COMBINATIONS: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    name: String,
    description: Spanned<String>,
    unknown: Spanned<String>,
    recorded: Option<Spanned<Recorded>>,
    #[serde(default)]
    allow: Vec<AllowEntry>,
    #[serde(default)]
    refuse: Vec<RefuseEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowEntry {
    reason: String,
    calls: Spanned<Vec<String>>,
    arch: Option<BTreeSet<Arch>>,
    seen: Option<u32>,
    runtime: Option<String>,
    #[serde(default)]
    when: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefuseEntry {
    reason: String,
    calls: Spanned<Vec<String>>,
    arch: Option<BTreeSet<Arch>>,
    seen: Option<u32>,
    answer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Test {
    arg: u8,
    bits: u8,
    one_of: Option<BTreeMap<String, u64>>,
    mask: Option<u64>,
    equals: Option<u64>,
}

/// Reads a profile.
pub(super) fn read(text: &str) -> Result<SeccompProfile, ProfileError> {
    if text.len() > MOST_BYTES {
        return Err(ProfileError::TooLong { length: text.len(), most: MOST_BYTES });
    }
    let file: File = toml::from_str(text).map_err(|error| ProfileError::Syntax {
        line: error.span().map(|span| line_of(text, span.start)),
        message: error.message().to_owned(),
    })?;
    if file.schema != SCHEMA {
        let found = file.schema.chars().take(LONGEST_SCHEMA).collect();
        return Err(ProfileError::Schema { found, expected: SCHEMA });
    }
    let name: ProfileName = file.name.parse()?;
    if name.as_str().starts_with(MEET_PREFIX) {
        return Err(ProfileError::Name(name.reserved()));
    }
    let line = line_of(text, file.description.span().start);
    sized("the description", file.description.get_ref().len(), LONGEST_REASON, "bytes", line)?;
    let line = line_of(text, file.unknown.span().start);
    let unknown = answer(file.unknown.get_ref(), line)?;
    let entries = file.allow.len().saturating_add(file.refuse.len());
    if entries > MOST_ENTRIES {
        let what = "the profile";
        return Err(ProfileError::Size {
            line: 1,
            what,
            most: MOST_ENTRIES,
            unit: "entries",
            found: entries,
        });
    }

    let recorded = file.recorded.map(|recorded| {
        recorded.get_ref().check(line_of(text, recorded.span().start))?;
        Ok::<_, ProfileError>(Box::new(recorded.into_inner()))
    });
    let recorded = recorded.transpose()?;

    let mut book = Book::default();
    for entry in file.allow {
        book.allow(text, entry)?;
    }
    for entry in file.refuse {
        book.refuse(text, entry)?;
    }
    Ok(SeccompProfile {
        name,
        meaning: book.meaning(unknown),
        text: Text::Read { description: file.description.into_inner(), entries: book.entries, recorded },
    })
}

/// How much of a wrong schema is shown.
const LONGEST_SCHEMA: usize = 64;

/// What has been read of a profile so far.
#[derive(Default)]
struct Book {
    admissions: BTreeMap<(Arch, Syscall), Admission>,
    refusals: BTreeMap<(Arch, Syscall), Refusal>,
    entries: Vec<Entry>,
}

impl Book {
    fn allow(&mut self, text: &str, written: AllowEntry) -> Result<(), ProfileError> {
        let line = line_of(text, written.calls.span().start);
        let calls = calls(written.calls.get_ref(), line)?;
        sized("the reason", written.reason.len(), LONGEST_REASON, "bytes", line)?;
        let wrong = |problem| ProfileError::Condition { line, problem };
        let tests: Vec<NamedTest> =
            written.when.iter().map(named_test).collect::<Result<_, _>>().map_err(wrong)?;
        let admission = admission(&tests).map_err(wrong)?;
        let arches = arches(written.arch.clone());
        for key in keys(&arches, &calls, line)? {
            let known = self.admissions.entry(key).or_default();
            if known.is_always() || (admission.is_always() && !known.is_never()) {
                let problem = "is admitted by another entry already, whatever its arguments";
                return Err(ProfileError::Clash { line, call: key.1, problem });
            }
            *known = known.join(&admission);
            if known.is_never() {
                let problem = ConditionProblem::TooMany { most: MOST_COMBINATIONS };
                return Err(ProfileError::Condition { line, problem });
            }
        }
        if let Some(runtime) = &written.runtime {
            sized("the runtime's name", runtime.len(), LONGEST_REASON, "bytes", line)?;
        }
        let AllowEntry { reason, seen, runtime, .. } = written;
        self.entries.push(Entry { verb: Verb::Allow, calls, arches, when: tests, reason, seen, runtime });
        Ok(())
    }

    fn refuse(&mut self, text: &str, written: RefuseEntry) -> Result<(), ProfileError> {
        let line = line_of(text, written.calls.span().start);
        let calls = calls(written.calls.get_ref(), line)?;
        sized("the reason", written.reason.len(), LONGEST_REASON, "bytes", line)?;
        let refusal = answer(&written.answer, line)?;
        let arches = arches(written.arch.clone());
        for key in keys(&arches, &calls, line)? {
            let clash = |problem| ProfileError::Clash { line, call: key.1, problem };
            if self.admissions.get(&key).is_some_and(Admission::is_always) {
                return Err(clash("is admitted by another entry, whatever its arguments, and refused here"));
            }
            if self.refusals.insert(key, refusal).is_some() {
                return Err(clash("is refused by another entry already"));
            }
        }
        let (verb, when) = (Verb::Refuse(refusal), Vec::new());
        let RefuseEntry { reason, seen, .. } = written;
        self.entries.push(Entry { verb, calls, arches, when, reason, seen, runtime: None });
        Ok(())
    }

    fn meaning(&mut self, unknown: Refusal) -> Meaning {
        let mut tables: BTreeMap<Arch, BTreeMap<Syscall, Rule>> = BTreeMap::new();
        for (key, admission) in std::mem::take(&mut self.admissions) {
            // A call that is known well enough to be admitted sometimes is forbidden otherwise, not unknown.
            let otherwise = self.refusals.remove(&key).unwrap_or(Refusal::Errno(Errno::EPERM));
            tables.entry(key.0).or_default().insert(key.1, Rule::new(admission, otherwise));
        }
        for (key, refusal) in std::mem::take(&mut self.refusals) {
            tables.entry(key.0).or_default().insert(key.1, Rule::new(Admission::never(), refusal));
        }
        Meaning::new(unknown, tables)
    }
}

fn calls(names: &[String], line: usize) -> Result<Vec<Syscall>, ProfileError> {
    sized("an entry", names.len(), MOST_CALLS, "calls", line)?;
    names.iter().map(|name| name.parse().map_err(|source| ProfileError::Call { line, source })).collect()
}

fn arches(written: Option<BTreeSet<Arch>>) -> Vec<Arch> {
    written.map_or_else(|| Arch::ALL.to_vec(), |arches| arches.into_iter().collect())
}

/// Pairs architectures and calls, leaving out what an architecture lacks.
fn keys(arches: &[Arch], calls: &[Syscall], line: usize) -> Result<Vec<(Arch, Syscall)>, ProfileError> {
    sized("`arch`", arches.len(), Arch::ALL.len(), "architectures", line)?;
    let mut keys = BTreeSet::new();
    for call in calls {
        for arch in arches.iter().copied().filter(|arch| call.number(*arch).is_some()) {
            if !keys.insert((arch, *call)) {
                return Err(ProfileError::Clash { line, call: *call, problem: "stands twice in one entry" });
            }
        }
        if !arches.iter().any(|arch| call.number(*arch).is_some()) {
            let problem = "is no call of the architectures that the entry names";
            return Err(ProfileError::Clash { line, call: *call, problem });
        }
    }
    Ok(keys.into_iter().collect())
}

fn answer(written: &str, line: usize) -> Result<Refusal, ProfileError> {
    written.parse().map_err(|source| ProfileError::Answer { line, source })
}

fn named_test(test: &Test) -> Result<NamedTest, ConditionProblem> {
    if usize::from(test.arg) >= ARGS {
        return Err(ConditionProblem::Argument { arg: test.arg });
    }
    let width = match test.bits {
        32 => u64::from(u32::MAX),
        64 => u64::MAX,
        bits => return Err(ConditionProblem::Width { bits }),
    };
    let mask = test.mask.unwrap_or(width);
    if mask == 0 || mask & !width != 0 {
        return Err(ConditionProblem::Mask { mask, bits: test.bits });
    }
    let values = match (test.one_of.clone(), test.equals) {
        (Some(values), None) if !values.is_empty() => values,
        (None, Some(value)) => BTreeMap::from([(format!("{value:#x}"), value)]),
        _ => return Err(ConditionProblem::Form),
    };
    if let Some(value) = values.values().copied().find(|value| value & !mask != 0) {
        return Err(ConditionProblem::NeverHolds { value, mask });
    }
    Ok(NamedTest { arg: test.arg, mask, values })
}

/// Multiplies the conditions out: each combination of one value of every test is a clause.
fn admission(tests: &[NamedTest]) -> Result<Admission, ConditionProblem> {
    let mut clauses = vec![Clause::ANY];
    for test in tests {
        let combinations = clauses.len().checked_mul(test.values.len());
        if combinations.is_none_or(|count| count > MOST_COMBINATIONS) {
            return Err(ConditionProblem::TooMany { most: MOST_COMBINATIONS });
        }
        let singles =
            test.values.values().map(|value| ArgTest { arg: test.arg, mask: test.mask, value: *value });
        let singles: Vec<Clause> = singles.filter_map(|single| Clause::of([single])).collect();
        clauses = clauses
            .iter()
            .flat_map(|clause| singles.iter().filter_map(|single| clause.meet(single)))
            .collect();
    }
    if clauses.is_empty() { Err(ConditionProblem::Contradiction) } else { Ok(Admission::any_of(clauses)) }
}

fn sized(
    what: &'static str,
    found: usize,
    most: usize,
    unit: &'static str,
    line: usize,
) -> Result<(), ProfileError> {
    if (1..=most).contains(&found) {
        Ok(())
    } else {
        Err(ProfileError::Size { line, what, most, unit, found })
    }
}

/// Gives the line that a byte stands in, from 1.
fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
}
