use std::collections::HashMap;
use std::fmt;

use super::Graph;

/// More names than these help nobody.
const MOST_SHOWN: usize = 30;

/// Names that need each other in a circle: each needs the next, and the last needs the first, which is the smallest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Cycle {
    path: Vec<String>,
}

impl Cycle {
    /// The names; never empty.
    pub fn path(&self) -> &[String] {
        &self.path
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("dependency cycle: ")?;
        for name in self.path.iter().take(MOST_SHOWN) {
            write!(f, "`{name}` → ")?;
        }
        if self.path.len() > MOST_SHOWN {
            f.write_str("… → ")?;
        }
        write!(f, "`{}`", self.path.first().map_or("", String::as_str))
    }
}

/// One cycle among what Kahn's order left: all that is left needs something that is left, so going on from need to need
/// comes back somewhere.
pub(super) fn find_cycle(graph: &Graph, left: &[bool]) -> Option<Cycle> {
    let is_left = |name: &usize| left.get(*name).copied().unwrap_or(false);
    let mut name = left.iter().position(|left| *left)?;
    let mut path: Vec<usize> = Vec::new();
    let mut places: HashMap<usize, usize> = HashMap::new();
    let start = loop {
        if let Some(at) = places.get(&name) {
            break *at;
        }
        places.insert(name, path.len());
        path.push(name);
        name = *graph.needs.get(name)?.iter().find(|need| is_left(need))?;
    };
    let mut cycle = path.split_off(start);
    let smallest = cycle.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(at, _)| at);
    cycle.rotate_left(smallest);
    Some(Cycle { path: graph.named(&cycle) })
}
