use std::fmt::Write as _;

use super::edges::{edges, label};
use crate::model::Stack;

/// A graph for Graphviz.
pub fn dot(stack: &Stack) -> String {
    let mut text = format!("digraph {} {{\n", quoted(&stack.name));
    for name in stack.services.keys() {
        let _ = writeln!(text, "    {};", quoted(name));
    }
    for edge in edges(stack) {
        let label = label(edge.until).map_or_else(String::new, |label| format!(" [label={}]", quoted(label)));
        let _ = writeln!(text, "    {} -> {}{label};", quoted(&edge.from), quoted(&edge.to));
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
