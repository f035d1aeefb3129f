//! Sets of patterns: inclusion, intersection, and one form for equal meanings.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::source::Span;

/// Something that stands for a set of values, where inclusion and intersection can be computed.
pub trait Pattern: Ord + Clone {
    /// Whether every value of `other` is a value of this one.
    fn includes(&self, other: &Self) -> bool;

    /// The values that both have, if any.
    fn meet(&self, other: &Self) -> Option<Self>;

    /// Every other pattern that could include this one: a handful, so that a set finds them without looking at all
    /// of its patterns.
    fn wider(&self) -> Vec<Self>;
}

/// A union of patterns; each remembers where it was written.
///
/// INVARIANT: no pattern is inside another, so two sets with one meaning have one form. Spans do not count in
/// comparisons.
#[derive(Debug, Clone)]
pub struct PatternSet<T> {
    items: BTreeMap<T, Option<Span>>,
}

impl<T> Default for PatternSet<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new() }
    }
}

impl<T: PartialEq> PartialEq for PatternSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.items.len() == other.items.len()
            && self.items.keys().zip(other.items.keys()).all(|(a, b)| a == b)
    }
}

impl<T: Eq> Eq for PatternSet<T> {}

impl<T: Pattern> PatternSet<T> {
    /// The set of these patterns.
    pub fn new(items: impl IntoIterator<Item = (T, Option<Span>)>) -> Self {
        let mut all: BTreeMap<T, Option<Span>> = BTreeMap::new();
        for (item, span) in items {
            all.entry(item).and_modify(|known| *known = first(*known, span)).or_insert(span);
        }
        let narrow: Vec<T> = all
            .keys()
            .filter(|item| item.wider().iter().any(|outer| all.contains_key(outer)))
            .cloned()
            .collect();
        for item in narrow {
            all.remove(&item);
        }
        Self { items: all }
    }

    /// Adds a pattern, unless it says nothing new.
    pub fn insert(&mut self, item: T, span: Option<Span>) {
        if !self.includes(&item) {
            self.items.retain(|known, _| !item.includes(known));
            self.items.insert(item, span);
        }
    }

    /// Whether some pattern of the set includes `item`.
    pub fn includes(&self, item: &T) -> bool {
        self.items.contains_key(item) || item.wider().iter().any(|outer| self.items.contains_key(outer))
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether every pattern of `other` is inside one of this set.
    pub fn includes_all(&self, other: &Self) -> bool {
        other.items.keys().all(|item| self.includes(item))
    }

    /// The pattern that includes `item`, with its place.
    pub fn span_of(&self, item: &T) -> Option<Span> {
        self.items.iter().find(|(known, _)| known.includes(item)).and_then(|(_, span)| *span)
    }

    /// What both sets allow.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        match (other.includes_all(self), self.includes_all(other)) {
            // Equal sets have equal patterns.
            (true, true) => return self.union(other),
            (true, false) => return self.clone(),
            (false, true) => return other.clone(),
            (false, false) => {}
        }
        let pairs = self.items.iter().flat_map(|a| other.items.iter().map(move |b| (a, b)));
        Self::new(pairs.filter_map(|((a, span_a), (b, span_b))| {
            let both = a.meet(b)?;
            // The tighter side's place explains the result; of two equal ones, the first.
            let span = match (a == &both, b == &both) {
                (true, false) => *span_a,
                (false, true) => *span_b,
                (true, true) | (false, false) => first(*span_a, *span_b),
            };
            Some((both, span))
        }))
    }

    /// What either set allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.iter().chain(other.iter()).map(|(item, span)| (item.clone(), span)))
    }

    /// The patterns in order, each with its place.
    pub fn iter(&self) -> impl Iterator<Item = (&T, Option<Span>)> {
        self.items.iter().map(|(item, span)| (item, *span))
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// The first of two places that are there.
pub(crate) fn first(a: Option<Span>, b: Option<Span>) -> Option<Span> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, None) | (None, one) => one,
    }
}

impl<T: Serialize> Serialize for PatternSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.items.keys())
    }
}
