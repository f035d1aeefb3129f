//! Whether a change of text changed what it was meant to change, and nothing else.

use perry_sandbox_compose::{Budget, FileId, Mapping, Node, Value, parse_yaml};

/// The documents of a text; nothing if it cannot be read.
fn documents(text: &str) -> Option<Vec<Node>> {
    parse_yaml(text, FileId(0), &Budget::default()).ok()
}

/// The ways to the parts that differ, of which more than two are not looked for.
fn differences(before: &Node, after: &Node, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    if found.len() > 1 {
        return;
    }
    match (&before.value, &after.value) {
        (Value::Mapping(old), Value::Mapping(new)) => mappings(old, new, way, found),
        (Value::Sequence(old), Value::Sequence(new)) => sequences(old, new, way, found),
        _ if !same(before, after) => found.push(way.clone()),
        _ => {}
    }
}

/// Items that no longer stand where they stood: one that is gone, come or another is a change, anything else is several.
fn sequences(old: &[Node], new: &[Node], way: &[String], found: &mut Vec<Vec<String>>) {
    let first = old.iter().zip(new).take_while(|(a, b)| same(a, b)).count();
    let (old, new) = (old.get(first..).unwrap_or_default(), new.get(first..).unwrap_or_default());
    let last = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| same(a, b)).count();
    let kept = |items: &[Node]| items.len().saturating_sub(last);
    match (kept(old), kept(new)) {
        (0, 0) => {}
        (gone, come) if gone <= 1 && come <= 1 => found.push(way.to_vec()),
        _ => found.extend([way.to_vec(), way.to_vec()]),
    }
}

fn mappings(old: &Mapping, new: &Mapping, way: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for (key, value) in old.iter() {
        way.push(key.name.clone());
        match new.get(&key.name) {
            Some(other) => differences(value, other, way, found),
            None => found.push(way.clone()),
        }
        way.pop();
    }
    for (key, _) in new.iter().filter(|(key, _)| !old.contains(&key.name)) {
        way.push(key.name.clone());
        found.push(way.clone());
        way.pop();
    }
}

/// Whether two parts say the same, wherever they stand.
fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Mapping(a), Value::Mapping(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(&key.name).is_some_and(|other| same(value, other)))
        }
        (Value::Sequence(a), Value::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

/// Whether exactly one field differs, and belongs to this service.
pub(super) fn changes_one_field(before: &str, after: &str, service: &str) -> bool {
    let (Some(before), Some(after)) = (documents(before), documents(after)) else { return false };
    if before.len() != after.len() {
        return false;
    }
    let mut found = Vec::new();
    for (before, after) in before.iter().zip(&after) {
        differences(before, after, &mut Vec::new(), &mut found);
    }
    matches!(found.as_slice(), [way] if way.len() > 2
        && way.first().is_some_and(|section| section == "services")
        && way.get(1).is_some_and(|name| name == service))
}

#[cfg(test)]
mod tests {
    use super::changes_one_field;

    const STACK: &str = "services:\n  web:\n    image: a\n    ports: [x, y]\n  db:\n    image: b\n";

    fn one(from: &str, to: &str) -> bool {
        assert!(STACK.contains(from));
        changes_one_field(STACK, &STACK.replacen(from, to, 1), "web")
    }

    #[test]
    fn one_field_of_the_service_may_change() {
        assert!(one("image: a", "image: c"));
        assert!(one("    image: a\n", "    image: a\n    read_only: true\n"));
        assert!(one("[x, y]", "[x]") && one("[x, y]", "[x, y, z]"));
    }

    #[test]
    fn a_long_list_is_compared_once() {
        let list =
            |names: std::ops::Range<u32>| names.map(|n| format!("x{n}")).collect::<Vec<_>>().join(", ");
        let stack = |list: String| format!("services: {{web: {{ports: [{list}]}}}}\n");
        let long = stack(list(0..20_000));
        assert!(changes_one_field(&long, &stack(list(0..19_999)), "web"));
        assert!(!changes_one_field(&long, &stack(list(20_000..40_000)), "web"));
    }

    #[test]
    fn anything_else_is_no_fix() {
        assert!(!one("image: a", "image: a # comment"), "nothing has changed");
        assert!(!one("image: b", "image: c"), "another service");
        assert!(!one("[x, y]", "[z]"), "two items");
        assert!(!one("[x, y]", "[y, x]"), "another order");
        assert!(!one("image: a\n    ports", "image: c\n    expose"), "two fields");
        assert!(!one("image: a", "image: [a"), "no longer to be read");
    }
}
