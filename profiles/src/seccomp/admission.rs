//! The set of arguments with which one call is admitted.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::clause::{ARGS, Clause};

/// The arguments that a call is admitted with: those that pass at least one clause.
///
/// INVARIANT: the clauses are sorted and none includes another, so the order of writing changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Admission(Cow<'static, [Clause]>);

/// The most clauses that one admission holds.
///
/// What would need more admits nothing: a meet of hostile profiles stays small, and errs on the tight side.
pub(crate) const MOST_CLAUSES: usize = 1024;

/// How many cases inclusion looks at before it answers "not included".
///
/// Deciding whether many masks cover another is hard in general; every profile that a person writes needs fewer than a hundred.
const MOST_CASES: u32 = 100_000;

impl Admission {
    /// Makes the admission of no argument at all.
    pub const fn never() -> Self {
        Self(Cow::Borrowed(&[]))
    }

    /// Makes the admission of every argument.
    pub const fn always() -> Self {
        Self(Cow::Borrowed(&[Clause::ANY]))
    }

    /// Takes clauses that are sorted, none of which includes another.
    pub(super) const fn of_sorted(clauses: &'static [Clause]) -> Self {
        Self(Cow::Borrowed(clauses))
    }

    /// Makes the admission of what passes one of these clauses.
    pub fn any_of(clauses: impl IntoIterator<Item = Clause>) -> Self {
        let mut distinct = BTreeSet::new();
        for clause in clauses {
            distinct.insert(clause);
            if distinct.len() > MOST_CLAUSES {
                return Self::never();
            }
        }
        let widest =
            |clause: &&Clause| !distinct.iter().any(|other| other != *clause && other.includes(clause));
        Self(distinct.iter().filter(widest).copied().collect())
    }

    /// Lists the clauses, sorted.
    pub fn clauses(&self) -> &[Clause] {
        &self.0
    }

    /// Says whether no argument is admitted.
    pub fn is_never(&self) -> bool {
        self.0.is_empty()
    }

    /// Says whether one clause admits everything.
    pub fn is_always(&self) -> bool {
        self.0.contains(&Clause::ANY)
    }

    /// Says whether the call is admitted with these arguments.
    pub fn admits(&self, args: &[u64; ARGS]) -> bool {
        self.0.iter().any(|clause| clause.admits(args))
    }

    /// Says whether everything that this admits, `other` admits too.
    ///
    /// Exact, but for conditions so tangled that the work is cut off: then the answer is no, which is the safe one.
    pub fn is_within(&self, other: &Self) -> bool {
        if self == other || other.is_always() {
            return true;
        }
        let mut cases_left = MOST_CASES;
        let others: Vec<&Clause> = other.0.iter().collect();
        self.0.iter().all(|clause| is_covered(clause, &others, &mut cases_left))
    }

    /// Gives the admission of what both admit.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        // What most calls need: no search for what one side has already.
        if self == other || other.is_always() || self.is_never() {
            return self.clone();
        }
        if self.is_always() || other.is_never() {
            return other.clone();
        }
        Self::any_of(self.0.iter().flat_map(|mine| other.0.iter().filter_map(|theirs| mine.meet(theirs))))
    }

    /// Gives the admission of what either admits.
    #[must_use]
    pub(super) fn join(&self, other: &Self) -> Self {
        Self::any_of(self.0.iter().chain(other.0.iter()).copied())
    }
}

/// Decides whether every argument that passes `clause` passes one of `others`, by splitting on bits.
fn is_covered(clause: &Clause, others: &[&Clause], cases_left: &mut u32) -> bool {
    let Some(left) = cases_left.checked_sub(1) else {
        return false;
    };
    *cases_left = left;
    if others.iter().any(|other| other.includes(clause)) {
        return true;
    }
    let touching: Vec<&Clause> =
        others.iter().copied().filter(|other| other.meet(clause).is_some()).collect();
    let Some(halves) = touching.first().and_then(|other| clause.split_by(other)) else {
        return false;
    };
    halves.iter().all(|half| is_covered(half, &touching, cases_left))
}

#[cfg(test)]
mod tests {
    use super::super::clause::ArgTest;
    use super::*;

    fn on_first(mask: u64, value: u64) -> Clause {
        Clause::of([ArgTest { arg: 0, mask, value }]).unwrap()
    }

    #[test]
    fn two_halves_cover_the_whole() {
        let halves = Admission::any_of([on_first(8, 0), on_first(8, 8)]);
        assert!(Admission::always().is_within(&halves));
        assert!(!Admission::always().is_within(&Admission::any_of([on_first(8, 0)])));
    }

    #[test]
    fn a_clause_inside_another_is_dropped() {
        let admission = Admission::any_of([on_first(3, 1), on_first(1, 1), on_first(1, 1)]);
        assert_eq!(admission.clauses(), [on_first(1, 1)]);
    }

    #[test]
    fn nothing_is_within_everything_and_not_the_other_way() {
        assert!(Admission::never().is_within(&Admission::never()));
        assert!(!Admission::always().is_within(&Admission::never()));
    }

    #[test]
    fn the_meet_of_two_lists_is_what_stands_in_both() {
        let list = |values: &[u64]| Admission::any_of(values.iter().map(|value| on_first(u64::MAX, *value)));
        assert_eq!(list(&[1, 2, 3]).meet(&list(&[2, 3, 4])), list(&[2, 3]));
    }

    #[test]
    fn a_meet_too_large_to_hold_admits_nothing() {
        let spread = |arg: u8| {
            Admission::any_of(
                (0..1024).map(|value| Clause::of([ArgTest { arg, mask: u64::MAX, value }]).unwrap()),
            )
        };
        assert!(spread(0).meet(&spread(1)).is_never());
    }
}
