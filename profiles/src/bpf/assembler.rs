//! Lays instructions out, last one first, so that every jump target is already in its place.

use std::collections::BTreeMap;

use super::instruction::{AND, IF_AT_LEAST, IF_EQUAL, JUMP, LOAD, RETURN, SockFilter};

/// Where a branch leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Target {
    /// The end of the filter, with this value.
    Return(u32),
    /// An instruction that is laid out: its place, counted from the end of the program.
    At(usize),
}

/// Up to this many values are compared one after the other; more are searched by halves.
const LINEAR: usize = 3;

/// A program in the making, in reverse.
#[derive(Default)]
pub(super) struct Assembler {
    reversed: Vec<SockFilter>,
    /// The latest return of each value: later branches use it for as long as they reach it.
    returns: BTreeMap<u32, usize>,
}

impl Assembler {
    /// Ends the work: gives the instructions in their order.
    pub(super) fn finish(mut self) -> Vec<SockFilter> {
        self.reversed.reverse();
        self.reversed
    }

    pub(super) const fn len(&self) -> usize {
        self.reversed.len()
    }

    /// Puts an instruction before everything that is laid out.
    fn push(&mut self, one: SockFilter) -> usize {
        let place = self.reversed.len();
        self.reversed.push(one);
        place
    }

    /// Gives how many instructions stand between `target` and one put before it after `more` others.
    fn distance(&self, target: usize, more: usize) -> usize {
        self.reversed.len().saturating_add(more).saturating_sub(target).saturating_sub(1)
    }

    /// Makes a target reachable by a short jump from the instruction after the next `more`.
    fn near(&mut self, target: Target, more: usize) -> usize {
        let reaches = |this: &Self, place| u8::try_from(this.distance(place, more)).is_ok();
        match target {
            Target::At(place) if reaches(self, place) => place,
            Target::At(place) => {
                // A program of more instructions than fit here is refused as too long at the end.
                let k = u32::try_from(self.distance(place, 0)).unwrap_or(u32::MAX);
                self.push(SockFilter::statement(JUMP, k))
            }
            Target::Return(value) => match self.returns.get(&value).copied() {
                Some(place) if reaches(self, place) => place,
                _ => {
                    let place = self.push(SockFilter::statement(RETURN, value));
                    self.returns.insert(value, place);
                    place
                }
            },
        }
    }

    /// Adds a branch on the accumulator.
    pub(super) fn branch(&mut self, code: u16, k: u32, holds: Target, fails: Target) -> Target {
        if holds == fails {
            return holds;
        }
        let holds = self.near(holds, 1);
        let fails = self.near(fails, 0);
        let short = |this: &Self, place| u8::try_from(this.distance(place, 0));
        let one = match (short(self, holds), short(self, fails)) {
            (Ok(jt), Ok(jf)) => SockFilter { code, jt, jf, k },
            // INVARIANT: both are near. Were one not, the kernel would refuse this jump, and so the filter.
            _ => SockFilter::statement(JUMP, u32::MAX),
        };
        Target::At(self.push(one))
    }

    /// Adds a search of the accumulator among values, which must be sorted.
    pub(super) fn search(&mut self, values: &[(u32, Target)], fails: Target) -> Target {
        if values.len() <= LINEAR {
            let compare = |next, &(value, target): &(u32, Target)| self.branch(IF_EQUAL, value, target, next);
            return values.iter().rev().fold(fails, compare);
        }
        let (low, high) = values.split_at(values.len() / 2);
        let Some((middle, _)) = high.first() else {
            return fails;
        };
        let right = self.search(high, fails);
        let left = self.search(low, fails);
        self.branch(IF_AT_LEAST, *middle, right, left)
    }

    /// Puts a load of the word at `offset`, and its mask, before `next`, which must be the latest instruction or a return.
    pub(super) fn load(&mut self, offset: u32, mask: u32, next: Target) -> Target {
        let next = match next {
            Target::Return(_) => return next,
            Target::At(place) => place,
        };
        if self.distance(next, 0) != 0 {
            let k = u32::try_from(self.distance(next, 0)).unwrap_or(u32::MAX);
            self.push(SockFilter::statement(JUMP, k));
        }
        if mask != u32::MAX {
            self.push(SockFilter::statement(AND, mask));
        }
        Target::At(self.push(SockFilter::statement(LOAD, offset)))
    }

    /// Puts an unconditional way to `target` before everything, unless it is there already.
    pub(super) fn lead_to(&mut self, target: Target) {
        let place = self.near(target, 0);
        if self.distance(place, 0) != 0 {
            let k = u32::try_from(self.distance(place, 0)).unwrap_or(u32::MAX);
            self.push(SockFilter::statement(JUMP, k));
        }
    }
}
