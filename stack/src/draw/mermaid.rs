use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::edges::{edges, label};
use crate::model::Stack;

/// A flow chart for Mermaid. Nodes are numbers with labels: some names are words of that language.
pub fn mermaid(stack: &Stack) -> String {
    let numbers: BTreeMap<&str, usize> = stack.services.keys().map(String::as_str).zip(0..).collect();
    let mut text = "flowchart LR\n".to_owned();
    for (name, number) in &numbers {
        let _ = writeln!(text, "    s{number}[\"{}\"]", name.replace('"', "#quot;"));
    }
    for edge in edges(stack) {
        let number = |name: &str| numbers.get(name).copied().unwrap_or_default();
        let arrow = label(edge.until).map_or_else(|| "-->".to_owned(), |label| format!("-->|{label}|"));
        let _ = writeln!(text, "    s{} {arrow} s{}", number(&edge.from), number(&edge.to));
    }
    text
}
