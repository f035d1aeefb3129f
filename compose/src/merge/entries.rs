//! The forms that two values are brought into before they are merged.

use crate::error::{Problem, Reason, Report};
use crate::node::{Key, Mapping, Node, Path, Span, Value};

/// A mapping as sorted `key=value`, a text as the only item; numbers and the like are no items.
pub(super) fn as_list(node: Node) -> Vec<Node> {
    match node.value {
        Value::Sequence(items) => items,
        Value::Text(_) => vec![node],
        Value::Mapping(entries) => {
            let mut items: Vec<(String, Span)> = Vec::new();
            for (key, value) in entries {
                let span = key.span;
                match &value.value {
                    Value::Null => items.push((key.name, span)),
                    Value::Sequence(values) => items.extend(
                        values.iter().map(|value| (format!("{}={}", key.name, value.printed()), span)),
                    ),
                    _ => items.push((format!("{}={}", key.name, value.printed()), span)),
                }
            }
            items.sort_by(|(left, _), (right, _)| left.cmp(right));
            items.into_iter().map(|(text, span)| Node::new(span, Value::Text(text))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Timestamp(_) => {
            Vec::new()
        }
    }
}

/// A list of names as a mapping from them to nothing.
pub(super) fn as_mapping(node: Node, path: &Path<'_>, report: &mut Report) -> Mapping {
    named(node, path, report, &|span| Node::new(span, Value::Null))
}

/// A list of services as a mapping from them to what a plain name asks for.
pub(super) fn dependencies(node: Node, path: &Path<'_>, report: &mut Report) -> Mapping {
    named(node, path, report, &|span| {
        let entry = |name: &str, value| (Key { name: name.to_owned(), span }, Node::new(span, value));
        let condition = entry("condition", Value::Text("service_started".to_owned()));
        let required = entry("required", Value::Bool(true));
        Node::new(span, Value::Mapping([condition, required].into_iter().collect()))
    })
}

/// A folder alone as a mapping with it.
pub(super) fn build_mapping(node: Node, _path: &Path<'_>, _report: &mut Report) -> Mapping {
    match node.value {
        Value::Mapping(entries) => entries,
        Value::Text(_) => {
            let key = Key { name: "context".to_owned(), span: node.span };
            [(key, node)].into_iter().collect()
        }
        _ => Mapping::default(),
    }
}

fn named(node: Node, path: &Path<'_>, report: &mut Report, value: &dyn Fn(Span) -> Node) -> Mapping {
    let items = match node.value {
        Value::Mapping(entries) => return entries,
        Value::Sequence(items) => items,
        _ => return Mapping::default(),
    };
    let mut entries = Mapping::default();
    for item in items {
        let span = item.span;
        if let Value::Text(name) = item.value {
            entries.insert(Key { name, span }, value(span));
        } else {
            let message = format!("{path} is a list of names, found something else in it");
            report.problem(Problem::new(Reason::SchemaType, span, message));
        }
    }
    entries
}
