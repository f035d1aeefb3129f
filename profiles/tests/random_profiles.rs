//! Random profiles, and the arguments on which they can differ.

use std::fmt::Write as _;

use perry_sandbox_profiles::{SeccompProfile, Syscall};
use proptest::prelude::*;
use proptest::sample;

/// The bits that random conditions and random arguments are made of: conditions test the first three, the other two
/// stand for all the rest of the low and of the high word.
const BITS: [u64; 5] = [1 << 0, 1 << 1, 1 << 33, 1 << 7, 1 << 40];
const TESTED: usize = 3;

/// The arguments that conditions look at.
const ARGS: u8 = 2;

fn subset(bits: &[u64], chosen: usize) -> u64 {
    bits.iter().enumerate().filter(|(at, _)| chosen >> at & 1 == 1).map(|(_, bit)| bit).sum()
}

/// Lists argument lists that tell any two random conditions apart: every combination of the bits.
pub(crate) fn all_args() -> Vec<[u64; 6]> {
    let words: Vec<u64> = (0..1 << BITS.len()).map(|chosen| subset(&BITS, chosen)).collect();
    words.iter().flat_map(|first| words.iter().map(|second| [*first, *second, 7, 7, 7, 7])).collect()
}

#[derive(Clone, Debug)]
struct Test {
    arg: u8,
    bits: u8,
    mask: Option<u64>,
    values: Vec<u64>,
}

fn test() -> impl Strategy<Value = Test> {
    let tested = 1_usize << TESTED;
    (0..ARGS, prop::bool::ANY, prop::option::of(1..tested), prop::collection::vec(0..tested, 1..4)).prop_map(
        |(arg, wide, mask, values)| {
            let width = if wide { u64::MAX } else { u64::from(u32::MAX) };
            let bits = if wide { 64 } else { 32 };
            let tested = BITS.get(..TESTED).unwrap();
            let mask = mask.map(|chosen| subset(tested, chosen) & width).filter(|mask| *mask != 0);
            let mut values: Vec<u64> =
                values.into_iter().map(|chosen| subset(tested, chosen) & mask.unwrap_or(width)).collect();
            values.sort_unstable();
            values.dedup();
            Test { arg, bits, mask, values }
        },
    )
}

#[derive(Clone, Debug)]
struct Entry {
    call: Syscall,
    when: Vec<Test>,
}

/// What a random profile says: at most one unconditional entry for each call.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    entries: Vec<Entry>,
    refusals: Vec<(Syscall, &'static str)>,
    unknown: &'static str,
}

fn answer() -> impl Strategy<Value = &'static str> {
    sample::select(vec!["EPERM", "ENOSYS", "EACCES", "EAFNOSUPPORT", "kill"])
}

/// Draws a profile over some of these calls.
pub(crate) fn draft(calls: Vec<Syscall>, most: usize) -> impl Strategy<Value = Draft> {
    let entry = (sample::select(calls.clone()), prop::collection::vec(test(), 0..3))
        .prop_map(|(call, when)| Entry { call, when });
    let refusal = (sample::select(calls), answer());
    (prop::collection::vec(entry, 0..most), prop::collection::vec(refusal, 0..most), answer())
        .prop_map(|(entries, refusals, unknown)| Draft { entries, refusals, unknown })
}

/// Calls that both architectures have, some with neighbouring numbers, and some that one lacks.
pub(crate) fn few_calls() -> Vec<Syscall> {
    ["read", "write", "close", "ioctl", "clone", "open"].map(|name| name.parse().unwrap()).to_vec()
}

impl Draft {
    /// Says more than this draft does, by what another one says.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self.refusals.extend(other.refusals);
        self
    }

    /// Writes the draft as a profile and reads it, leaving out what would contradict itself.
    pub(crate) fn profile(&self, name: &str) -> SeccompProfile {
        let mut text = format!(
            "schema = \"perry-sandbox/seccomp-profile/v1\"\nname = \"{name}\"\ndescription = \"random\"\n\
             unknown = \"{}\"\n",
            self.unknown
        );
        let always =
            |call: Syscall| self.entries.iter().any(|entry| entry.call == call && entry.when.is_empty());
        let mut written = Vec::new();
        for entry in &self.entries {
            if always(entry.call) {
                if !written.contains(&entry.call) {
                    written.push(entry.call);
                    writeln!(text, "[[allow]]\nreason = \"r\"\ncalls = [\"{}\"]", entry.call).unwrap();
                }
            } else if !entry.is_contradiction() {
                entry.write(&mut text);
            }
        }
        let mut refused = Vec::new();
        for (call, answer) in &self.refusals {
            if !always(*call) && !refused.contains(call) {
                refused.push(*call);
                writeln!(text, "[[refuse]]\nreason = \"r\"\nanswer = \"{answer}\"\ncalls = [\"{call}\"]")
                    .unwrap();
            }
        }
        SeccompProfile::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }
}

impl Entry {
    fn write(&self, text: &mut String) {
        writeln!(text, "[[allow]]\nreason = \"r\"\ncalls = [\"{}\"]", self.call).unwrap();
        for test in &self.when {
            writeln!(text, "[[allow.when]]\narg = {}\nbits = {}", test.arg, test.bits).unwrap();
            if let Some(mask) = test.mask {
                writeln!(text, "mask = {mask}").unwrap();
            }
            writeln!(text, "[allow.when.one-of]").unwrap();
            for (at, value) in test.values.iter().enumerate() {
                writeln!(text, "V{at} = {value}").unwrap();
            }
        }
    }

    /// Says whether no argument passes, which a profile may not ask for.
    fn is_contradiction(&self) -> bool {
        let passes = |args: &[u64; 6]| {
            self.when.iter().all(|test| {
                let width = if test.bits == 64 { u64::MAX } else { u64::from(u32::MAX) };
                let arg = args.get(usize::from(test.arg)).unwrap();
                test.values.contains(&(arg & test.mask.unwrap_or(width)))
            })
        };
        !all_args().iter().any(passes)
    }
}
