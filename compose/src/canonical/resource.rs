use crate::error::{Problem, Reason, Report};
use crate::node::{Mapping, Node, Path, Value};

/// `external: {name: x}` becomes `external: true, name: x`.
pub(super) fn external(resource: &mut Mapping, way: &Path<'_>, report: &mut Report) {
    let Some(external) = resource.get_mut("external") else { return };
    let Value::Mapping(old) = &mut external.value else { return };
    let name = old.remove("name");
    external.value = Value::Bool(true);
    let Some(name) = name else { return };
    report.warn(
        Some(name.span),
        format!("{way}: external.name is deprecated. Please set name and external: true"),
    );
    match resource.get("name") {
        None => resource.put("name", name),
        Some(known) if known.value != name.value => {
            let message = format!("`{way}` has a `name` and another `external.name`");
            report.problem(
                Problem::new(Reason::ExclusiveAttributes, known.span, message).place(name.span, "and here"),
            );
        }
        Some(_) => {}
    }
}

/// `context` for `{context: context}` and the like.
pub(super) fn wrapped(node: &mut Node, key: &str) {
    if matches!(node.value, Value::Text(_)) {
        let inner = Node::new(node.span, std::mem::replace(&mut node.value, Value::Null));
        let mut long = Mapping::default();
        long.put(key, inner);
        node.value = Value::Mapping(long);
    }
}

/// A text for a list of one.
pub(super) fn listed(node: &mut Node) {
    if matches!(node.value, Value::Text(_)) {
        let inner = Node::new(node.span, std::mem::replace(&mut node.value, Value::Null));
        node.value = Value::Sequence(vec![inner]);
    }
}

/// A list of names becomes a mapping of them to nothing.
pub(super) fn named(node: &mut Node) {
    if let Value::Sequence(names) = &node.value {
        let mut long = Mapping::default();
        for name in names {
            if let Some(text) = name.text() {
                long.put(text, Node::new(name.span, Value::Null));
            }
        }
        node.value = Value::Mapping(long);
    }
}
