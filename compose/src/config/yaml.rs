use super::order::natural;
use super::scalar;
use crate::model::{EXTENSIONS, Field, Keep, Kind, PROJECT, Shape};
use crate::node::{Mapping, Node, Value};
use crate::project::{Project, sorted};

/// A project in YAML: sections and attributes in the model's order.
pub(crate) fn project(project: &Project) -> String {
    let empty = Mapping::default();
    print(&shape(project.model.mapping().unwrap_or(&empty), &PROJECT))
}

/// A tree in YAML as it stands, with the keys in order.
pub(crate) fn raw(node: &Node) -> String {
    print(&plain(node))
}

/// One text in YAML, on one line or as a literal four columns in: quoted where it must be.
pub fn scalar(text: &str) -> String {
    let mut out = String::new();
    scalar::text(text, false, 4, &mut out);
    out
}

/// What is printed: the model's kinds are resolved, the order is final.
enum Printed<'a> {
    Text(&'a str),
    Owned(String),
    /// A scalar that is no text.
    Bare(String),
    List(Vec<Printed<'a>>),
    Map(Vec<(&'a str, Printed<'a>)>),
}

fn plain(node: &Node) -> Printed<'_> {
    match &node.value {
        Value::Null => Printed::Bare("null".to_owned()),
        Value::Bool(value) => Printed::Bare(value.to_string()),
        Value::Integer(number) => Printed::Bare(number.to_string()),
        Value::Float(number) if number.is_nan() => Printed::Bare(".nan".to_owned()),
        Value::Float(number) if number.is_infinite() => {
            Printed::Bare(if *number > 0.0 { ".inf" } else { "-.inf" }.to_owned())
        }
        Value::Float(_) => Printed::Bare(node.printed()),
        Value::Timestamp(text) => Printed::Bare(text.clone()),
        Value::Text(text) => Printed::Text(text),
        Value::Sequence(items) => Printed::List(items.iter().map(plain).collect()),
        Value::Mapping(mapping) => {
            Printed::Map(natural(mapping).into_iter().map(|(key, node)| (key, plain(node))).collect())
        }
    }
}

fn typed(node: &Node, kind: Kind) -> Printed<'_> {
    match (&node.value, kind) {
        (Value::Mapping(part), Kind::Part(inner)) => shape(part, inner),
        (Value::Sequence(items), Kind::Parts(inner)) => {
            Printed::List(items.iter().map(|item| part(item, inner)).collect())
        }
        (Value::Mapping(named), Kind::NamedParts(inner) | Kind::NamedPartsOrNothing(inner)) => Printed::Map(
            natural(named).into_iter().map(|(key, item)| (key, typed(item, Kind::Part(inner)))).collect(),
        ),
        (Value::Mapping(named), Kind::Ulimits) => Printed::Map(
            natural(named).into_iter().map(|(key, item)| (key, typed(item, Kind::Ulimit))).collect(),
        ),
        (Value::Mapping(limit), Kind::Ulimit) => {
            let zero = || Printed::Bare("0".to_owned());
            Printed::Map(["soft", "hard"].map(|key| (key, limit.get(key).map_or_else(zero, plain))).into())
        }
        (Value::Mapping(keys), Kind::Ssh) => Printed::List(
            sorted(keys)
                .into_iter()
                .map(|(id, path)| match path.text().filter(|path| !path.is_empty()) {
                    Some(path) => Printed::Owned(format!("{id}: {path}")),
                    None => Printed::Text(id),
                })
                .collect(),
        ),
        _ => plain(node),
    }
}

fn part<'a>(item: &'a Node, inner: &'static Shape) -> Printed<'a> {
    let is_file = inner.fields.iter().any(|field| field.name == "format");
    let required = item.get("required").is_some_and(|node| node.value == Value::Bool(true));
    match item.get("path").filter(|_| is_file) {
        Some(path) if required => plain(path),
        Some(path) => {
            Printed::Map(vec![("path", plain(path)), ("required", Printed::Bare("false".to_owned()))])
        }
        None => typed(item, Kind::Part(inner)),
    }
}

fn shape<'a>(part: &'a Mapping, shape: &'static Shape) -> Printed<'a> {
    let mut members = Vec::new();
    for field in shape.fields {
        match part.get(field.name) {
            Some(node) => {
                let empty = node.mapping().is_some_and(Mapping::is_empty);
                if field.keep != Keep::EmptyInJson || !empty {
                    members.push((field.name, typed(node, field.kind)));
                }
            }
            None if field.keep == Keep::Always => members.push((field.name, nothing(field))),
            None => {}
        }
    }
    let extensions = part.get(EXTENSIONS).and_then(Node::mapping);
    for (key, node) in extensions.map(natural).unwrap_or_default() {
        members.push((key, plain(node)));
    }
    Printed::Map(members)
}

/// What an attribute that is always printed says of nothing.
fn nothing<'a>(field: &Field) -> Printed<'a> {
    match field.kind {
        Kind::Text => Printed::Text(""),
        Kind::Bytes => Printed::Text("0"),
        Kind::Bool => Printed::Bare("false".to_owned()),
        Kind::NamedParts(_) => Printed::Map(Vec::new()),
        _ => Printed::Bare("0".to_owned()),
    }
}

fn print(printed: &Printed<'_>) -> String {
    let mut out = String::new();
    if let Printed::Map(members) = printed
        && !members.is_empty()
    {
        map(members, 0, &mut out);
    } else {
        value(printed, 0, &mut out);
    }
    out.push('\n');
    out
}

fn indent(by: usize, out: &mut String) {
    out.push('\n');
    for _ in 0..by {
        out.push(' ');
    }
}

/// Members at a column; the first stands where the text is.
fn map(members: &[(&str, Printed<'_>)], column: usize, out: &mut String) {
    let inner = column.saturating_add(2);
    for (at, (key, member)) in members.iter().enumerate() {
        if at > 0 {
            indent(column, out);
        }
        scalar::text(key, true, inner, out);
        out.push(':');
        match member {
            Printed::Map(members) if !members.is_empty() => {
                indent(inner, out);
                map(members, inner, out);
            }
            Printed::List(items) if !items.is_empty() => {
                indent(inner, out);
                list(items, inner, out);
            }
            _ => {
                out.push(' ');
                value(member, inner, out);
            }
        }
    }
}

fn list(items: &[Printed<'_>], column: usize, out: &mut String) {
    let inner = column.saturating_add(2);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            indent(column, out);
        }
        out.push_str("- ");
        match item {
            Printed::Map(members) if !members.is_empty() => map(members, inner, out),
            Printed::List(items) if !items.is_empty() => list(items, inner, out),
            _ => value(item, inner, out),
        }
    }
}

fn value(printed: &Printed<'_>, column: usize, out: &mut String) {
    match printed {
        Printed::Text(text) => scalar::text(text, false, column, out),
        Printed::Owned(text) => scalar::text(text, false, column, out),
        Printed::Bare(text) => out.push_str(text),
        Printed::List(_) => out.push_str("[]"),
        Printed::Map(_) => out.push_str("{}"),
    }
}
