use std::collections::HashMap;

use super::Graph;

/// A start order: levels, of which each needs only those before it, and the names of a level in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    levels: Vec<Vec<String>>,
    places: HashMap<String, usize>,
}

impl Order {
    pub(super) fn new(levels: Vec<Vec<String>>) -> Self {
        let places = levels.iter().flatten().zip(0..).map(|(name, at)| (name.clone(), at)).collect();
        Self { levels, places }
    }

    /// The levels: what stands in one can start at the same time.
    pub fn levels(&self) -> &[Vec<String>] {
        &self.levels
    }

    /// All names, each behind those that it needs.
    pub fn start(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.levels.iter().flatten().map(String::as_str)
    }

    /// All names, each before those that it needs: the reverse.
    pub fn teardown(&self) -> impl Iterator<Item = &str> {
        self.start().rev()
    }

    /// A name's place in the start order.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// Kahn's order by levels: those whose needs are all done, again and again. Gives what is left, too: names that need
/// each other, and all that need one of those.
pub(super) fn levels(graph: &Graph) -> (Vec<Vec<usize>>, Vec<bool>) {
    let mut open: Vec<usize> = graph.needs.iter().map(Vec::len).collect();
    let mut needed_by: Vec<Vec<usize>> = vec![Vec::new(); graph.names.len()];
    for (name, needs) in graph.needs.iter().enumerate() {
        for need in needs {
            if let Some(users) = needed_by.get_mut(*need) {
                users.push(name);
            }
        }
    }
    let mut left = vec![true; graph.names.len()];
    let mut ready: Vec<usize> =
        open.iter().enumerate().filter(|(_, open)| **open == 0).map(|(name, _)| name).collect();
    let mut levels = Vec::new();
    while !ready.is_empty() {
        let mut next = Vec::new();
        for name in &ready {
            if let Some(left) = left.get_mut(*name) {
                *left = false;
            }
            for user in needed_by.get(*name).into_iter().flatten() {
                if let Some(open) = open.get_mut(*user) {
                    *open = open.saturating_sub(1);
                    if *open == 0 {
                        next.push(*user);
                    }
                }
            }
        }
        // Numbers are in the order of names.
        next.sort_unstable();
        levels.push(std::mem::replace(&mut ready, next));
    }
    (levels, left)
}
