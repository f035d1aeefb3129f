use super::{escape, yaml};
use crate::error::shown;
use crate::model::{EXTENSIONS, Field, Keep, Kind, PROJECT, Shape};
use crate::node::{Mapping, Node, Value};
use crate::project::{Project, sorted};

/// A value that JSON cannot say as the standard's program says things.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoJsonForm {
    /// A key of `build.ssh` with its path.
    #[error("the key `{0}` of `build.ssh` has a path, which has no form in JSON; print YAML instead")]
    SshPath(String),
    /// A number that is none.
    #[error("the number `{0}` has no form in JSON; print YAML instead, or write a finite one")]
    Number(String),
}

/// A project in JSON: sections by name, attributes in the model's order, two spaces for each step in.
pub(crate) fn project(project: &Project) -> Result<String, NoJsonForm> {
    let mut sections: Vec<(&str, Kind, &Node)> = Vec::new();
    for field in PROJECT.fields.iter().filter(|field| field.name != "models") {
        let Some(node) = project.model.get(field.name) else { continue };
        let empty = node.mapping().is_some_and(Mapping::is_empty);
        if !empty || field.keep == Keep::Always {
            sections.push((field.name, field.kind, node));
        }
    }
    let mut writer = Writer { out: String::new(), depth: 0, compact: false };
    let extensions = project.model.get(EXTENSIONS).and_then(Node::mapping);
    let none = Mapping::default();
    writer.members('{', '}', |list| {
        for (name, kind, node) in &sections {
            list.push((name, Part::Typed(Some(node), *kind)));
        }
        for (name, node) in sorted(extensions.unwrap_or(&none)) {
            list.push((name, Part::Foreign(node)));
        }
        list.sort_by_key(|(name, _)| *name);
    })?;
    Ok(writer.out)
}

/// A tree in JSON as it stands, with the keys in order.
pub(crate) fn raw(node: &Node) -> Result<String, NoJsonForm> {
    let mut writer = Writer { out: String::new(), depth: 0, compact: false };
    writer.part(Part::Foreign(node))?;
    Ok(writer.out)
}

/// A value of the model in JSON, on one line.
pub(crate) fn compact(node: &Node, kind: Kind) -> Result<String, NoJsonForm> {
    let mut writer = Writer { out: String::new(), depth: 0, compact: true };
    writer.typed(node, kind)?;
    Ok(writer.out)
}

struct Writer {
    out: String,
    depth: usize,
    compact: bool,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    /// A value of the model; nothing: what its kind has for that.
    Typed(Option<&'a Node>, Kind),
    /// A value as it stands.
    Raw(&'a Node),
    /// A value that the model does not know. The reference forgets that an empty list is one there.
    Foreign(&'a Node),
}

type Members<'a> = Vec<(&'a str, Part<'a>)>;

impl Writer {
    fn line(&mut self) {
        if self.compact {
            return;
        }
        self.out.push('\n');
        for _ in 0..self.depth {
            self.out.push_str("  ");
        }
    }

    /// A mapping, or a list if the names are empty.
    fn members<'a>(
        &mut self,
        open: char,
        close: char,
        fill: impl FnOnce(&mut Members<'a>),
    ) -> Result<(), NoJsonForm> {
        let mut members = Vec::new();
        fill(&mut members);
        self.out.push(open);
        if members.is_empty() {
            self.out.push(close);
            return Ok(());
        }
        self.depth = self.depth.saturating_add(1);
        for (at, (name, part)) in members.into_iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line();
            if open == '{' {
                escape::json(name, &mut self.out);
                self.out.push_str(if self.compact { ":" } else { ": " });
            }
            self.part(part)?;
        }
        self.depth = self.depth.saturating_sub(1);
        self.line();
        self.out.push(close);
        Ok(())
    }

    fn part(&mut self, part: Part<'_>) -> Result<(), NoJsonForm> {
        match part {
            Part::Raw(node) => self.raw(node, Part::Raw),
            Part::Foreign(node) if node.sequence().is_some_and(<[Node]>::is_empty) => {
                self.out.push_str("null");
                Ok(())
            }
            Part::Foreign(node) => self.raw(node, Part::Foreign),
            Part::Typed(Some(node), kind) => self.typed(node, kind),
            Part::Typed(None, Kind::Part(shape)) => self.shape(&Mapping::default(), shape),
            Part::Typed(None, kind) => {
                self.out.push_str(match kind {
                    Kind::Bool => "false",
                    Kind::Text => "\"\"",
                    Kind::Bytes => "\"0\"",
                    Kind::Integer | Kind::Unsigned(_) => "0",
                    Kind::NamedParts(_) => "{}",
                    _ => "null",
                });
                Ok(())
            }
        }
    }

    fn raw<'a>(&mut self, node: &'a Node, inner: fn(&'a Node) -> Part<'a>) -> Result<(), NoJsonForm> {
        match &node.value {
            Value::Null => self.out.push_str("null"),
            Value::Bool(value) => self.out.push_str(if *value { "true" } else { "false" }),
            Value::Integer(number) => self.out.push_str(&number.to_string()),
            Value::Float(number) if !number.is_finite() => {
                return Err(NoJsonForm::Number(yaml::raw(node).trim_end().to_owned()));
            }
            Value::Float(number) => escape::number(*number, &mut self.out),
            Value::Timestamp(text) | Value::Text(text) => escape::json(text, &mut self.out),
            Value::Sequence(items) => {
                return self.members('[', ']', |list| {
                    list.extend(items.iter().map(|item| ("", inner(item))));
                });
            }
            Value::Mapping(mapping) => {
                return self.members('{', '}', |list| {
                    list.extend(sorted(mapping).into_iter().map(|(name, item)| (name, inner(item))));
                });
            }
        }
        Ok(())
    }

    fn typed(&mut self, node: &Node, kind: Kind) -> Result<(), NoJsonForm> {
        match (&node.value, kind) {
            (Value::Mapping(part), Kind::Part(shape)) => self.shape(part, shape),
            (Value::Sequence(items), Kind::Parts(shape)) if is_env_file(shape) => {
                self.members('[', ']', |list| {
                    list.extend(items.iter().map(|item| ("", env_file(item, shape))));
                })
            }
            (Value::Sequence(items), Kind::Parts(shape)) => self.members('[', ']', |list| {
                list.extend(items.iter().map(|item| ("", Part::Typed(Some(item), Kind::Part(shape)))));
            }),
            (Value::Mapping(named), Kind::NamedParts(shape) | Kind::NamedPartsOrNothing(shape)) => self
                .members('{', '}', |list| {
                    for (name, item) in sorted(named) {
                        let null = item.is_null();
                        list.push((
                            name,
                            if null { Part::Raw(item) } else { Part::Typed(Some(item), Kind::Part(shape)) },
                        ));
                    }
                }),
            (Value::Mapping(keys), Kind::Ssh) => self.ssh(keys),
            (Value::Mapping(named), Kind::Ulimits) => self.members('{', '}', |list| {
                list.extend(
                    sorted(named)
                        .into_iter()
                        .map(|(name, item)| (name, Part::Typed(Some(item), Kind::Ulimit))),
                );
            }),
            (Value::Mapping(limit), Kind::Ulimit) => self.members('{', '}', |list| {
                for name in ["soft", "hard"] {
                    if let Some(value) = limit.get(name).filter(|value| value.value != Value::Integer(0)) {
                        list.push((name, Part::Raw(value)));
                    }
                }
            }),
            _ => self.raw(node, Part::Raw),
        }
    }

    fn shape(&mut self, part: &Mapping, shape: &'static Shape) -> Result<(), NoJsonForm> {
        self.members('{', '}', |list| {
            for field in shape.fields {
                let node = part.get(field.name);
                if node.is_some() || always(field) {
                    list.push((field.json.unwrap_or(field.name), Part::Typed(node, field.kind)));
                }
            }
        })
    }

    fn ssh(&mut self, keys: &Mapping) -> Result<(), NoJsonForm> {
        let entries = sorted(keys);
        if let Some((name, _)) =
            entries.iter().find(|(_, path)| path.text().is_some_and(|path| !path.is_empty()))
        {
            return Err(NoJsonForm::SshPath(shown(name)));
        }
        self.out.push('[');
        self.depth = self.depth.saturating_add(1);
        for (at, (name, _)) in entries.iter().enumerate() {
            if at > 0 {
                self.out.push(',');
            }
            self.line();
            escape::json(name, &mut self.out);
        }
        self.depth = self.depth.saturating_sub(1);
        self.line();
        self.out.push(']');
        Ok(())
    }
}

fn always(field: &Field) -> bool {
    matches!(field.keep, Keep::Always | Keep::NullInJson | Keep::EmptyInJson)
}

fn is_env_file(shape: &Shape) -> bool {
    shape.fields.iter().any(|field| field.name == "format")
}

/// A file that must be there is its path alone.
fn env_file<'a>(file: &'a Node, shape: &'static Shape) -> Part<'a> {
    let required = file.get("required").is_some_and(|node| node.value == Value::Bool(true));
    match file.get("path").filter(|_| required) {
        Some(path) => Part::Raw(path),
        None => Part::Typed(Some(file), Kind::Part(shape)),
    }
}
