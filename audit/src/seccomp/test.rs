//! Tests on a call's arguments.

/// How many arguments a call has at most.
pub(crate) const ARGS: usize = 6;

/// What the masked argument is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// It is one of these.
    OneOf(Vec<u64>),
    /// It is another value.
    Not(u64),
    /// It is smaller.
    Less(u64),
    /// It is smaller or the same.
    LessOrSame(u64),
    /// It is larger.
    Greater(u64),
    /// It is larger or the same.
    GreaterOrSame(u64),
}

/// A test on one argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgTest {
    /// Which argument, from 0.
    pub index: usize,
    /// The bits that are looked at.
    pub mask: u64,
    /// What they are compared with.
    pub compare: Compare,
}

impl ArgTest {
    /// Whether the arguments pass.
    pub fn passes(&self, args: &[u64; ARGS]) -> bool {
        let Some(value) = args.get(self.index).map(|value| value & self.mask) else { return false };
        match &self.compare {
            Compare::OneOf(values) => values.contains(&value),
            Compare::Not(other) => value != *other,
            Compare::Less(other) => value < *other,
            Compare::LessOrSame(other) => value <= *other,
            Compare::Greater(other) => value > *other,
            Compare::GreaterOrSame(other) => value >= *other,
        }
    }
}
