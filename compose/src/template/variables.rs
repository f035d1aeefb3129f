use std::collections::BTreeMap;

use super::scan::{Found, Kind, Scanner};
use crate::node::{Node, Value};

/// Defaults inside defaults that are looked into.
const MOST_NESTED: usize = 50;

/// A variable that a project uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variable {
    /// It must be set.
    pub required: bool,
    /// What stands in for it.
    pub default: String,
    /// What takes its place if it is set.
    pub replacement: String,
}

/// The variables of a tree whose texts are still as they were written. A later use of a variable wins.
pub fn variables(node: &Node) -> BTreeMap<String, Variable> {
    let mut found = BTreeMap::new();
    collect(node, &mut found);
    found
}

fn collect(node: &Node, found: &mut BTreeMap<String, Variable>) {
    match &node.value {
        Value::Text(text) => of_text(text, 0, found),
        Value::Sequence(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Mapping(entries) => entries.iter().for_each(|(_, value)| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Timestamp(_) => {}
    }
}

fn of_text(text: &str, depth: usize, found: &mut BTreeMap<String, Variable>) {
    if depth > MOST_NESTED {
        return;
    }
    let mut scanner = Scanner::new(text);
    while let Some((_, variable)) = scanner.next() {
        match variable {
            Some(Found::Name(name)) => {
                found.insert(name.to_owned(), Variable::default());
            }
            Some(Found::Operator(name, operator, argument)) => {
                let variable = match operator.kind {
                    Kind::Default => Variable { default: argument.to_owned(), ..Variable::default() },
                    Kind::Replacement => Variable { replacement: argument.to_owned(), ..Variable::default() },
                    Kind::Demand => Variable { required: true, ..Variable::default() },
                };
                found.insert(name.to_owned(), variable);
                if operator.kind != Kind::Demand {
                    of_text(argument, depth.saturating_add(1), found);
                }
            }
            Some(Found::Escaped | Found::Invalid) | None => {}
        }
    }
}
