//! JSON: two blanks a level, keys in the order of the table of keys.

use crate::read::shape::{Kind, POLICY, Shape};
use crate::read::tree::{Entry, Node, Value};

/// Writes a checked tree.
pub(super) fn write(tree: &Node) -> String {
    let mut text = String::new();
    value(&mut text, tree, Some(&POLICY_KIND), 0);
    text.push('\n');
    text
}

static POLICY_KIND: Kind = Kind::Table(&POLICY);

/// The entries of a table in canonical order, each with its kind.
pub(super) fn ordered<'n>(
    entries: &'n [Entry],
    shape: Option<&'static Shape>,
) -> Vec<(&'n Entry, Option<&'static Kind>)> {
    let place =
        |entry: &Entry| shape.and_then(|shape| shape.keys.iter().position(|key| key.name == entry.key));
    let mut ordered: Vec<_> = entries.iter().collect();
    ordered.sort_by_key(|entry| (place(entry), entry.key_span));
    ordered
        .into_iter()
        .map(|entry| {
            let kind = shape
                .and_then(|shape| shape.keys.iter().find(|key| key.name == entry.key))
                .map(|key| &key.kind);
            (entry, kind)
        })
        .collect()
}

/// The kinds of the members of a table.
pub(super) fn members<'n>(
    entries: &'n [Entry],
    kind: Option<&'static Kind>,
) -> Vec<(&'n Entry, Option<&'static Kind>)> {
    match kind {
        Some(Kind::Table(shape)) => ordered(entries, Some(shape)),
        Some(Kind::Named(_, inner)) => {
            ordered(entries, None).into_iter().map(|(entry, _)| (entry, Some(*inner))).collect()
        }
        _ => ordered(entries, None),
    }
}

fn value(text: &mut String, node: &Node, kind: Option<&'static Kind>, depth: usize) {
    match &node.value {
        Value::Text(string) | Value::Date(string) => text.push_str(&quoted(string)),
        Value::Number(number) => text.push_str(number),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Null => text.push_str("null"),
        Value::List(items) => {
            let inner = match kind {
                Some(Kind::List(inner)) => Some(*inner),
                _ => None,
            };
            let write = |text: &mut String, item: &Node, deeper| value(text, item, inner, deeper);
            block(text, ('[', ']'), items.iter(), depth, write);
        }
        Value::Table(entries) => {
            let write = |text: &mut String, (entry, kind): (&Entry, Option<&'static Kind>), deeper| {
                text.push_str(&quoted(&entry.key));
                text.push_str(": ");
                value(text, &entry.node, kind, deeper);
            };
            block(text, ('{', '}'), members(entries, kind).into_iter(), depth, write);
        }
    }
}

fn block<T>(
    text: &mut String,
    (open, close): (char, char),
    items: impl ExactSizeIterator<Item = T>,
    depth: usize,
    write: impl Fn(&mut String, T, usize),
) {
    let deeper = depth.saturating_add(1);
    let empty = items.len() == 0;
    text.push(open);
    for (item, at) in items.zip(0_usize..) {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(&"  ".repeat(deeper));
        write(text, item, deeper);
    }
    if !empty {
        text.push('\n');
        text.push_str(&"  ".repeat(depth));
    }
    text.push(close);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
