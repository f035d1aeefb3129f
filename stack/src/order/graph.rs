use std::collections::{BTreeMap, BTreeSet};

use super::cycle::find_cycle;
use super::levels::levels;
use super::{Cycle, Order};

/// Who needs whom. Names stand in order, so that a number compares as its name does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    pub(super) names: Vec<String>,
    /// For each name the numbers of those that it needs, in order.
    pub(super) needs: Vec<Vec<usize>>,
}

impl Graph {
    /// The graph of these names and what each needs. A need that is no name is left out: it is not part of the project.
    pub fn new(needs: &BTreeMap<String, BTreeSet<String>>) -> Self {
        let names: Vec<String> = needs.keys().cloned().collect();
        let number = |name: &String| names.binary_search(name).ok();
        let needs = needs.values().map(|needs| needs.iter().filter_map(number).collect()).collect();
        Self { names, needs }
    }

    /// The order in which each name stands behind all that it needs; the same for the same graph.
    ///
    /// # Errors
    /// Some names need each other in a circle.
    pub fn order(&self) -> Result<Order, Cycle> {
        let (levels, left) = levels(self);
        match find_cycle(self, &left) {
            Some(cycle) => Err(cycle),
            None => Ok(Order::new(levels.iter().map(|level| self.named(level)).collect())),
        }
    }

    /// All names with what each needs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.names.iter().zip(&self.needs).map(|(name, needs)| {
            let needs = needs.iter().filter_map(|need| self.names.get(*need)).map(String::as_str).collect();
            (name.as_str(), needs)
        })
    }

    pub(super) fn named(&self, numbers: &[usize]) -> Vec<String> {
        numbers.iter().filter_map(|number| self.names.get(*number)).cloned().collect()
    }
}
