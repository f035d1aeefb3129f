use std::fmt;

/// More problems than these help nobody.
const MOST_SHOWN: usize = 50;

/// Something that is wrong with a graph.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: `nodes.web.ports[0]`.
    pub at: String,
    /// What, and what to do.
    pub why: String,
}

/// All that is wrong with a graph; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub(crate) Vec<Problem>);

impl Problems {
    /// Each of them, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.at, self.why)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the graph cannot be used: ")?;
        for (number, problem) in self.0.iter().take(MOST_SHOWN).enumerate() {
            f.write_str(if number == 0 { "" } else { "; " })?;
            problem.fmt(f)?;
        }
        match self.0.len().checked_sub(MOST_SHOWN) {
            Some(more) if more > 0 => write!(f, "; and {more} more"),
            Some(_) | None => Ok(()),
        }
    }
}
