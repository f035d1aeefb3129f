use super::kind::{EXTENSIONS, Field, Keep, Kind, Shape};
use super::maps::{self, Missing};
use super::{command, duration, scalar};
use crate::error::{Problem, Reason, Report, shown};
use crate::node::{Key, Mapping, Node, Path, Value};

/// Reads a tree by a table: values get the types of their attributes, and what the model does not know is dropped.
pub(crate) fn decode(node: &Node, shape: &'static Shape, report: &mut Report) -> Node {
    Decode { report }.part(node, shape, &Path::top())
}

struct Decode<'a> {
    report: &'a mut Report,
}

impl Decode<'_> {
    fn part(&mut self, node: &Node, shape: &'static Shape, path: &Path<'_>) -> Node {
        let mut part = Mapping::default();
        let empty = Mapping::default();
        let given = node.mapping().unwrap_or(&empty);
        if !matches!(node.value, Value::Mapping(_) | Value::Null) {
            self.wrong(node, path, "a mapping");
        }
        for field in shape.fields {
            let Some((key, value)) = given.entry(field.name) else { continue };
            if value.is_null() {
                continue;
            }
            if let Some(value) = self.value(value, field.kind, &path.below(field.name))
                && kept(field, &value)
            {
                part.insert(key.clone(), value);
            }
        }
        if shape.extensions {
            let extensions: Mapping = given
                .iter()
                .filter(|(key, _)| key.name.starts_with("x-"))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            if !extensions.is_empty() {
                part.put(EXTENSIONS, Node::new(node.span, Value::Mapping(extensions)));
            }
        }
        Node::new(node.span, Value::Mapping(part))
    }

    fn value(&mut self, node: &Node, kind: Kind, path: &Path<'_>) -> Option<Node> {
        let integer = |number: i64| Value::Integer(number);
        match kind {
            Kind::Text => self.scalar(node, scalar::text(node).map(Value::Text), path, "text"),
            Kind::Bool => self.scalar(node, scalar::boolean(node).map(Value::Bool), path, "a boolean"),
            Kind::Integer => self.scalar(node, scalar::integer(node).map(integer), path, "a whole number"),
            Kind::Unsigned(bits) => {
                let wanted = format!("a whole number from 0, of {bits} bits");
                self.scalar(node, scalar::unsigned(node, bits).map(integer), path, &wanted)
            }
            Kind::Float | Kind::Cpus => {
                self.scalar(node, scalar::float(node).map(Value::Float), path, "a number")
            }
            Kind::Bytes => {
                let size = scalar::bytes(node).map(|bytes| Value::Text(bytes.to_string()));
                self.scalar(node, size, path, "a size, such as `512m`")
            }
            Kind::Duration => {
                let time = scalar::time(node).map(|time| Value::Text(duration::printed(time)));
                self.scalar(node, time, path, "a time, such as `1m30s`")
            }
            Kind::Count => {
                self.scalar(node, scalar::count(node).map(integer), path, "a whole number or `all`")
            }
            Kind::Mode => self.scalar(node, scalar::mode(node).map(Value::Text), path, "an octal number"),
            Kind::Texts | Kind::TextOrTexts | Kind::Scalars | Kind::Command | Kind::Test => {
                self.texts(node, kind, path)
            }
            Kind::Labels => self.pairs(node, maps::pairs(node, Missing::Empty), path),
            Kind::Variables => self.pairs(node, maps::pairs(node, Missing::Null), path),
            Kind::Options | Kind::TextMap | Kind::ManyOptions => self.options(node, kind, path),
            Kind::Hosts => match maps::hosts(node) {
                Ok(list) => Some(Node::new(node.span, Value::Sequence(list))),
                Err((item, why)) => self.because(item, path, &why),
            },
            Kind::Ssh => self.ssh(node, path),
            Kind::Ulimit => self.ulimit(node, path),
            Kind::Part(shape) => Some(self.part(node, shape, path)),
            Kind::Parts(shape) => {
                self.list(node, path, |this, item, path| Some(this.part(item, shape, path)))
            }
            Kind::NamedParts(shape) => {
                self.named(node, path, |this, item, path| Some(this.part(item, shape, path)))
            }
            Kind::NamedPartsOrNothing(shape) => self.named(node, path, |this, item, path| {
                Some(if item.is_null() { item.clone() } else { this.part(item, shape, path) })
            }),
            Kind::Ulimits => self.named(node, path, |this, item, path| this.value(item, Kind::Ulimit, path)),
        }
    }

    fn scalar(&mut self, node: &Node, value: Option<Value>, path: &Path<'_>, wanted: &str) -> Option<Node> {
        match value {
            Some(value) => Some(Node::new(node.span, value)),
            None => self.wrong(node, path, wanted),
        }
    }

    fn texts(&mut self, node: &Node, kind: Kind, path: &Path<'_>) -> Option<Node> {
        let list = match (&node.value, kind) {
            (Value::Text(line), Kind::Command) => {
                let Some(words) = command::words(line) else {
                    return self.wrong(node, path, "a command line whose quotes and brackets are closed");
                };
                words.into_iter().map(|word| node.text_here(word)).collect()
            }
            (Value::Text(line), Kind::Test) => {
                vec![node.text_here("CMD-SHELL"), node.text_here(line.clone())]
            }
            (Value::Text(_), Kind::TextOrTexts | Kind::Scalars) => vec![node.clone()],
            (Value::Sequence(_), Kind::Scalars) => {
                return self.list(node, path, |_, item, _| Some(item.text_here(item.printed())));
            }
            (Value::Sequence(_), Kind::Texts) => {
                return self.list(node, path, |this, item, path| this.value(item, Kind::Text, path));
            }
            (Value::Sequence(_), _) => {
                return self.list(node, path, |this, item, path| {
                    if item.text().is_some() { Some(item.clone()) } else { this.wrong(item, path, "text") }
                });
            }
            _ => return self.wrong(node, path, "text or a list"),
        };
        Some(Node::new(node.span, Value::Sequence(list)))
    }

    fn pairs(
        &mut self,
        node: &Node,
        pairs: Result<Mapping, (&Node, String)>,
        path: &Path<'_>,
    ) -> Option<Node> {
        match pairs {
            Ok(pairs) => Some(Node::new(node.span, Value::Mapping(pairs))),
            Err((item, why)) => self.because(item, path, &why),
        }
    }

    fn options(&mut self, node: &Node, kind: Kind, path: &Path<'_>) -> Option<Node> {
        self.named(node, path, |this, item, path| match (kind, &item.value) {
            (Kind::ManyOptions, Value::Sequence(_)) => {
                this.list(item, path, |_, item, _| Some(item.text_here(item.printed())))
            }
            (Kind::ManyOptions, _) => {
                let only = item.text_here(item.printed());
                Some(Node::new(item.span, Value::Sequence(vec![only])))
            }
            (_, Value::Null) => Some(item.text_here("")),
            (Kind::TextMap, _) => this.value(item, Kind::Text, path),
            _ => Some(item.text_here(item.printed())),
        })
    }

    fn ssh(&mut self, node: &Node, path: &Path<'_>) -> Option<Node> {
        self.named(node, path, |_, item, _| {
            Some(if item.is_null() { item.clone() } else { item.text_here(item.printed()) })
        })
    }

    fn ulimit(&mut self, node: &Node, path: &Path<'_>) -> Option<Node> {
        match &node.value {
            // The reference cannot tell 0 from a limit without numbers.
            Value::Integer(0) => Some(Node::new(node.span, Value::Mapping(Mapping::default()))),
            Value::Integer(_) => Some(node.clone()),
            Value::Mapping(given) => {
                let mut limit = Mapping::default();
                for name in ["soft", "hard"] {
                    match given.entry(name) {
                        Some((key, value)) if matches!(value.value, Value::Integer(_)) => {
                            limit.insert(key.clone(), value.clone());
                        }
                        Some((_, value)) => return self.wrong(value, &path.below(name), "a whole number"),
                        None => {}
                    }
                }
                Some(Node::new(node.span, Value::Mapping(limit)))
            }
            _ => self.wrong(node, path, "a whole number or a mapping"),
        }
    }

    fn list(
        &mut self,
        node: &Node,
        path: &Path<'_>,
        mut item: impl FnMut(&mut Self, &Node, &Path<'_>) -> Option<Node>,
    ) -> Option<Node> {
        let Some(items) = node.sequence() else { return self.wrong(node, path, "a list") };
        let path = path.below(Path::ITEM);
        let list = items.iter().filter_map(|value| item(self, value, &path)).collect();
        Some(Node::new(node.span, Value::Sequence(list)))
    }

    fn named(
        &mut self,
        node: &Node,
        path: &Path<'_>,
        mut item: impl FnMut(&mut Self, &Node, &Path<'_>) -> Option<Node>,
    ) -> Option<Node> {
        let Some(mapping) = node.mapping() else { return self.wrong(node, path, "a mapping") };
        let entries: Vec<(Key, Node)> = mapping
            .iter()
            .filter_map(|(key, value)| {
                item(self, value, &path.below(&key.name)).map(|value| (key.clone(), value))
            })
            .collect();
        Some(Node::new(node.span, Value::Mapping(entries.into_iter().collect())))
    }

    fn wrong(&mut self, node: &Node, path: &Path<'_>, wanted: &str) -> Option<Node> {
        let found = match &node.value {
            Value::Text(text) => format!("`{}`", shown(text)),
            Value::Integer(_) | Value::Float(_) | Value::Bool(_) => format!("`{}`", node.printed()),
            _ => node.kind().to_owned(),
        };
        let message = format!("`{path}` must be {wanted}, not {found}");
        self.report.problem(Problem::new(Reason::Cast, node.span, message));
        None
    }

    fn because(&mut self, node: &Node, path: &Path<'_>, why: &str) -> Option<Node> {
        self.report.problem(Problem::new(Reason::Cast, node.span, format!("`{path}` {why}")));
        None
    }
}

/// Whether a value is worth keeping by its attribute's rule.
fn kept(field: &Field, value: &Node) -> bool {
    field.keep != Keep::Full || !is_empty(value, field.kind)
}

/// Whether a value is empty or zero.
fn is_empty(value: &Node, kind: Kind) -> bool {
    match &value.value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Integer(number) => *number == 0,
        Value::Float(number) => number.abs() <= 0.0,
        Value::Text(text) => {
            text.is_empty()
                || (matches!(kind, Kind::Bytes) && text == "0")
                || (matches!(kind, Kind::Duration) && text == "0s")
        }
        Value::Timestamp(_) => false,
        Value::Sequence(items) => items.is_empty(),
        Value::Mapping(mapping) => mapping.is_empty(),
    }
}
