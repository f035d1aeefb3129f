//! One conjunction of tests on a call's arguments.

use serde::{Deserialize, Serialize};

/// How many arguments a system call has at most.
pub(crate) const ARGS: usize = 6;

/// One test: the bits of `mask` in argument `arg` must equal `value`.
///
/// Every condition that profiles can state is made of these. Comparing the low 32 bits is `mask = 0xffff_ffff`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArgTest {
    /// Which argument, from 0 to 5.
    pub arg: u8,
    /// The bits that are looked at.
    pub mask: u64,
    /// What those bits must be; no bit outside of `mask` is set.
    pub value: u64,
}

/// A conjunction of tests, at most one for each argument; without a test it admits every argument.
///
/// INVARIANT: `value & !mask == 0` for every argument, so two equal sets of arguments have one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clause([Bits; ARGS]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Bits {
    mask: u64,
    value: u64,
}

impl Bits {
    const FREE: Self = Self { mask: 0, value: 0 };

    const fn of((mask, value): (u64, u64)) -> Self {
        Self { mask, value: value & mask }
    }

    const fn meet(self, other: Self) -> Option<Self> {
        if (self.value ^ other.value) & self.mask & other.mask != 0 {
            return None;
        }
        Some(Self { mask: self.mask | other.mask, value: self.value | other.value })
    }

    /// Every argument that passes `other` passes this.
    const fn includes(self, other: Self) -> bool {
        self.mask & !other.mask == 0 && other.value & self.mask == self.value
    }
}

impl Clause {
    /// The clause that admits every argument.
    pub const ANY: Self = Self([Bits::FREE; ARGS]);

    /// Makes a clause of tests that must all hold.
    ///
    /// Nothing comes back when they can never hold together, an argument is above 5, or a value has bits outside of its mask.
    pub fn of(tests: impl IntoIterator<Item = ArgTest>) -> Option<Self> {
        let mut clause = Self::ANY;
        for test in tests {
            if test.value & !test.mask != 0 {
                return None;
            }
            let bits = clause.0.get_mut(usize::from(test.arg))?;
            *bits = bits.meet(Bits { mask: test.mask, value: test.value })?;
        }
        Some(clause)
    }

    /// Makes a clause of bare pairs of mask and value, one for each argument, while the program is compiled.
    pub(super) const fn of_pairs(pairs: [(u64, u64); ARGS]) -> Self {
        let [of_0, of_1, of_2, of_3, of_4, of_5] = pairs;
        Self([Bits::of(of_0), Bits::of(of_1), Bits::of(of_2), Bits::of(of_3), Bits::of(of_4), Bits::of(of_5)])
    }

    /// Lists the tests, in the order of the arguments; an argument without a test is left out.
    pub fn tests(&self) -> impl Iterator<Item = ArgTest> {
        (0..).zip(self.0).filter(|(_, bits)| bits.mask != 0).map(|(arg, bits)| ArgTest {
            arg,
            mask: bits.mask,
            value: bits.value,
        })
    }

    /// Says whether these arguments pass every test.
    pub fn admits(&self, args: &[u64; ARGS]) -> bool {
        self.0.iter().zip(args).all(|(bits, arg)| arg & bits.mask == bits.value)
    }

    /// Says whether this admits everything that `other` admits.
    pub fn includes(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(mine, theirs)| mine.includes(theirs))
    }

    /// Gives the clause that admits what both admit, if there is anything.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let mut met = *self;
        for (mine, theirs) in met.0.iter_mut().zip(other.0) {
            *mine = mine.meet(theirs)?;
        }
        Some(met)
    }

    /// Splits in two by the lowest bit that `other` tests and this does not; nothing when there is none.
    pub(super) fn split_by(&self, other: &Self) -> Option<[Self; 2]> {
        let (at, free) = self
            .0
            .iter()
            .zip(other.0)
            .map(|(mine, theirs)| theirs.mask & !mine.mask)
            .enumerate()
            .find(|(_, free)| *free != 0)?;
        let bit = free & free.wrapping_neg();
        let mut halves = [*self, *self];
        for (half, value) in halves.iter_mut().zip([0, bit]) {
            let bits = half.0.get_mut(at)?;
            bits.mask |= bit;
            bits.value |= value;
        }
        Some(halves)
    }
}

impl std::fmt::Display for Clause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::ANY {
            return f.write_str("any arguments");
        }
        for (at, test) in self.tests().enumerate() {
            let between = if at == 0 { "" } else { " and " };
            write!(f, "{between}argument {}", test.arg)?;
            match test.mask {
                u64::MAX => {}
                0xffff_ffff => f.write_str(" (32 bits)")?,
                mask => write!(f, " & {mask:#x}")?,
            }
            write!(f, " is {:#x}", test.value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(arg: u8, mask: u64, value: u64) -> Clause {
        Clause::of([ArgTest { arg, mask, value }]).unwrap()
    }

    #[test]
    fn a_clause_that_can_never_hold_is_not_made() {
        assert_eq!(Clause::of([ArgTest { arg: 0, mask: 1, value: 2 }]), None);
        assert_eq!(Clause::of([ArgTest { arg: 6, mask: 1, value: 1 }]), None);
        let zero = ArgTest { arg: 0, mask: 1, value: 0 };
        assert_eq!(Clause::of([zero, ArgTest { value: 1, ..zero }]), None);
    }

    #[test]
    fn the_meet_of_two_masks_tests_both() {
        let met = clause(0, 1, 1).meet(&clause(0, 2, 0)).unwrap();
        assert!(met.admits(&[5, 0, 0, 0, 0, 0]));
        assert!(!met.admits(&[7, 0, 0, 0, 0, 0]));
        assert_eq!(clause(0, 1, 1).meet(&clause(0, 1, 0)), None);
    }

    #[test]
    fn a_split_covers_the_whole_and_nothing_else() {
        let [zero, one] = Clause::ANY.split_by(&clause(2, 6, 4)).unwrap();
        assert_eq!([zero, one], [clause(2, 2, 0), clause(2, 2, 2)]);
        assert_eq!(clause(2, 6, 4).split_by(&clause(2, 2, 0)), None);
    }
}
