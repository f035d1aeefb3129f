//! A value that remembers where it was written.

use serde::{Serialize, Serializer};

use crate::pattern::first;
use crate::source::Span;

/// A value and the place that decided it; nothing where no file says it. Places do not count in comparisons.
#[derive(Debug, Clone, Copy, Default)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Option<Span>,
}

impl<T> At<T> {
    pub(crate) const fn new(value: T, span: Span) -> Self {
        Self { value, span: Some(span) }
    }

    /// A value that no file says.
    pub(crate) const fn nowhere(value: T) -> Self {
        Self { value, span: None }
    }
}

impl<T: Ord + Clone> At<T> {
    /// The smaller of both, with its place; of two equal ones the first place.
    pub(crate) fn least(&self, other: &Self) -> Self {
        match self.value.cmp(&other.value) {
            std::cmp::Ordering::Less => self.clone(),
            std::cmp::Ordering::Greater => other.clone(),
            std::cmp::Ordering::Equal => {
                Self { value: self.value.clone(), span: first(self.span, other.span) }
            }
        }
    }
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}
