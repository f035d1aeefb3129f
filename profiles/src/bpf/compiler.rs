//! Compiles a profile: a tree over ranges of call numbers, and a search over argument words below it.

use std::collections::BTreeMap;

use thiserror::Error;

use super::assembler::{Assembler, Target};
use super::instruction::{
    ARCH_OFFSET, ARGS_OFFSET, BpfProgram, IF_ANY_BIT, IF_AT_LEAST, IF_EQUAL, MOST_INSTRUCTIONS, NUMBER_OFFSET,
};
use crate::arch::{Arch, X32_BIT};
use crate::seccomp::{Action, CallRule, Clause, Refusal, SeccompProfile};

/// A profile that no filter can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The kernel takes no filter of this length.
    #[error(
        "the filter would have {length} instructions, and the kernel takes 4096; name fewer argument values"
    )]
    TooLong {
        /// How many instructions the profile needs.
        length: usize,
    },
}

/// Compiles a profile for an architecture.
///
/// The filter kills on every other ABI, x32 included, and gives every call its own answer. It agrees with
/// [`SeccompProfile::verdict`] on every attempt.
///
/// # Errors
///
/// When the profile needs more instructions than the kernel takes.
pub fn compile(profile: &SeccompProfile, arch: Arch) -> Result<BpfProgram, CompileError> {
    let mut assembler = Assembler::default();
    let kill = Target::Return(Action::Refuse(Refusal::Kill).return_value());
    let ranges = ranges(profile, arch);
    let tree = tree(&mut assembler, &ranges);
    // A tree of one answer is a bare return, which needs no number to be loaded.
    let tree = assembler.load(NUMBER_OFFSET, u32::MAX, tree);
    let root = assembler.branch(IF_EQUAL, arch.audit_value(), tree, kill);
    let root = assembler.load(ARCH_OFFSET, u32::MAX, root);
    assembler.lead_to(root);
    if assembler.len() > MOST_INSTRUCTIONS {
        return Err(CompileError::TooLong { length: assembler.len() });
    }
    Ok(BpfProgram::new(arch, assembler.finish()))
}

/// What happens to the numbers of one range.
#[derive(Clone, Copy, Debug)]
enum Leaf<'a> {
    Always(u32),
    Depends { clauses: &'a [Clause], otherwise: u32 },
}

impl Leaf<'_> {
    const fn is_same_answer(self, other: Self) -> bool {
        matches!((self, other), (Self::Always(mine), Self::Always(theirs)) if mine == theirs)
    }
}

/// The numbers from `first` up to where the next range begins.
#[derive(Clone, Copy, Debug)]
struct Range<'a> {
    first: u32,
    leaf: Leaf<'a>,
}

/// Cuts all numbers into ranges of one answer each, in order, neighbours differing.
fn ranges(profile: &SeccompProfile, arch: Arch) -> Vec<Range<'_>> {
    let unknown = Leaf::Always(Action::Refuse(profile.unknown()).return_value());
    let mut ranges = vec![Range { first: 0, leaf: unknown }];
    for (number, leaf) in numbered(profile, arch) {
        begin(&mut ranges, number, leaf);
        begin(&mut ranges, number.saturating_add(1), unknown);
    }
    if arch.is_foreign_number(X32_BIT) {
        begin(&mut ranges, X32_BIT, Leaf::Always(Action::Refuse(Refusal::Kill).return_value()));
        begin(&mut ranges, u32::MAX, unknown);
    }
    ranges.dedup_by(|next, last| next.leaf.is_same_answer(last.leaf));
    ranges
}

/// Begins a range; one that would be empty is replaced.
fn begin<'a>(ranges: &mut Vec<Range<'a>>, first: u32, leaf: Leaf<'a>) {
    if ranges.last().is_some_and(|last| last.first == first) {
        ranges.pop();
    }
    ranges.push(Range { first, leaf });
}

/// Lists the calls that the profile has a rule for by number.
fn numbered(profile: &SeccompProfile, arch: Arch) -> BTreeMap<u32, Leaf<'_>> {
    profile.rules(arch).filter_map(|rule| Some((rule.call.number(arch)?, leaf_of(&rule)))).collect()
}

fn leaf_of<'a>(rule: &CallRule<'a>) -> Leaf<'a> {
    match rule.otherwise.map(|refusal| Action::Refuse(refusal).return_value()) {
        None => Leaf::Always(Action::Allow.return_value()),
        Some(answer) if rule.admission.is_never() => Leaf::Always(answer),
        Some(otherwise) => Leaf::Depends { clauses: rule.admission.clauses(), otherwise },
    }
}

/// Lays out the search over the ranges; the number is in the accumulator.
fn tree(assembler: &mut Assembler, ranges: &[Range<'_>]) -> Target {
    match ranges {
        [] => Target::Return(Action::Refuse(Refusal::Kill).return_value()),
        [only] => leaf(assembler, only.leaf),
        // One number apart among others that answer alike: a single comparison.
        [before, apart, after]
            if before.leaf.is_same_answer(after.leaf) && apart.first.checked_add(1) == Some(after.first) =>
        {
            let around = leaf(assembler, before.leaf);
            let inside = leaf(assembler, apart.leaf);
            assembler.branch(IF_EQUAL, apart.first, inside, around)
        }
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let middle = high.first().map_or(0, |range| range.first);
            let right = tree(assembler, high);
            let left = tree(assembler, low);
            assembler.branch(IF_AT_LEAST, middle, right, left)
        }
    }
}

fn leaf(assembler: &mut Assembler, leaf: Leaf<'_>) -> Target {
    match leaf {
        Leaf::Always(answer) => Target::Return(answer),
        Leaf::Depends { clauses, otherwise } => conditions(assembler, clauses, Target::Return(otherwise)),
    }
}

/// A 32-bit word of the arguments, and the bits of it that are compared.
type Word = (u32, u32);

/// Lays out the conditions of one call: clauses that look at the same words share one search.
fn conditions(assembler: &mut Assembler, clauses: &[Clause], otherwise: Target) -> Target {
    let mut shapes: BTreeMap<Vec<Word>, Vec<Vec<u32>>> = BTreeMap::new();
    for clause in clauses {
        let (words, values) = words_of(clause).unzip();
        shapes.entry(words).or_default().push(values);
    }
    let allow = Target::Return(Action::Allow.return_value());
    shapes.into_iter().rev().fold(otherwise, |fails, (words, rows)| {
        let mut known = BTreeMap::new();
        let rows: Vec<&[u32]> = rows.iter().map(Vec::as_slice).collect();
        Shape { words: &words, allow, fails, known: &mut known }.search(assembler, 0, &rows)
    })
}

/// Lists the words that a clause looks at, with what they must be.
fn words_of(clause: &Clause) -> impl Iterator<Item = (Word, u32)> {
    clause.tests().flat_map(|test| {
        let [mask, value] = [test.mask, test.value].map(u64::to_le_bytes);
        let low = |[a, b, c, d, ..]: [u8; 8]| u32::from_le_bytes([a, b, c, d]);
        let high = |[.., a, b, c, d]: [u8; 8]| u32::from_le_bytes([a, b, c, d]);
        let offset = u32::from(test.arg).saturating_mul(8).saturating_add(ARGS_OFFSET);
        [((offset.saturating_add(4), high(mask)), high(value)), ((offset, low(mask)), low(value))]
            .into_iter()
            .filter(|((_, mask), _)| *mask != 0)
    })
}

/// The search for a row of values among the rows of one shape.
struct Shape<'a> {
    words: &'a [Word],
    allow: Target,
    fails: Target,
    /// Searches that are laid out already, by the rest of the rows: equal rests share one.
    known: &'a mut BTreeMap<Vec<Vec<u32>>, Target>,
}

impl Shape<'_> {
    fn search(&mut self, assembler: &mut Assembler, depth: usize, rows: &[&[u32]]) -> Target {
        let Some((offset, mask)) = self.words.get(depth).copied() else {
            return self.allow;
        };
        let key: Vec<Vec<u32>> = rows.iter().map(|row| row.to_vec()).collect();
        if let Some(target) = self.known.get(&key) {
            return *target;
        }
        let mut rests: BTreeMap<u32, Vec<&[u32]>> = BTreeMap::new();
        for (first, rest) in rows.iter().filter_map(|row| row.split_first()) {
            rests.entry(*first).or_default().push(rest);
        }
        let deeper = depth.saturating_add(1);
        let values: Vec<(u32, Target)> =
            rests.into_iter().map(|(value, rest)| (value, self.search(assembler, deeper, &rest))).collect();
        let target = match values.as_slice() {
            // No bit of the mask may be set: one instruction instead of two.
            [(0, target)] if mask != u32::MAX => {
                let root = assembler.branch(IF_ANY_BIT, mask, self.fails, *target);
                assembler.load(offset, u32::MAX, root)
            }
            values => {
                let root = assembler.search(values, self.fails);
                assembler.load(offset, mask, root)
            }
        };
        self.known.insert(key, target);
        target
    }
}
