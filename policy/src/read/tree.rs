//! One tree for both spellings: values with the bytes that they were written in.

use crate::refusal::{Refusal, RefusalCode, Refusals};
use crate::source::{Format, Span};

/// Most bytes of a policy file.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting of tables and lists.
pub(crate) const MAX_DEPTH: u32 = 32;
/// Most keys and list items together.
pub(crate) const MAX_ENTRIES: u32 = 10_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

/// What TOML and JSON have in common; numbers stay text, so that no float ever decides anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// Digits with an optional sign, point and exponent.
    Number(String),
    Bool(bool),
    /// A TOML date; JSON writes dates as text.
    Date(String),
    Null,
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) node: Node,
}

impl Node {
    /// The entry of that key, where this is a table.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.key == key),
            Value::Text(_)
            | Value::Number(_)
            | Value::Bool(_)
            | Value::Date(_)
            | Value::Null
            | Value::List(_) => None,
        }
    }

    /// What this is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Text(_) => "text",
            Value::Number(_) => "a number",
            Value::Bool(_) => "true or false",
            Value::Date(_) => "a date",
            Value::Null => "null",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Makes spans of one file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spans {
    pub(crate) source: u32,
}

impl Spans {
    pub(crate) fn span(self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source: self.source, start: offset(start), end: offset(end) }
    }
}

/// Reads bytes into a tree; `None` where nothing useful can be read, with the reasons in `refusals`.
pub(crate) fn parse(text: &str, format: Format, source: u32, refusals: &mut Refusals) -> Option<Node> {
    let spans = Spans { source };
    let tree = match format {
        Format::Toml => super::toml::parse(text, spans, refusals),
        Format::Json => super::json::parse(text, spans, refusals),
    }?;
    let mut budget = MAX_ENTRIES;
    match measure(&tree, 0, &mut budget) {
        Ok(()) => Some(tree),
        Err(refusal) => {
            refusals.push(*refusal);
            None
        }
    }
}

/// Refuses a tree that is too deep or has too many entries.
fn measure(node: &Node, depth: u32, budget: &mut u32) -> Result<(), Box<Refusal>> {
    if depth > MAX_DEPTH {
        return Err(Box::new(too_deep(node.span)));
    }
    let deeper = depth.saturating_add(1);
    let children: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        Value::Table(entries) => entries.iter().map(|entry| &entry.node).collect(),
        Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::Date(_) | Value::Null => Vec::new(),
    };
    for child in children {
        *budget = budget.checked_sub(1).ok_or_else(|| Box::new(too_many(child.span)))?;
        measure(child, deeper, budget)?;
    }
    Ok(())
}

/// Nesting past [`MAX_DEPTH`].
pub(crate) fn too_deep(span: Span) -> Refusal {
    Refusal::new(
        RefusalCode::TooComplex,
        span,
        format!("the policy is nested deeper than {MAX_DEPTH} levels"),
    )
    .help("a policy needs no more than five levels")
}

/// Entries past [`MAX_ENTRIES`].
pub(crate) fn too_many(span: Span) -> Refusal {
    Refusal::new(
        RefusalCode::TooComplex,
        span,
        format!("the policy has more than {MAX_ENTRIES} keys and list items"),
    )
    .help("split it by host or team, one policy each")
}
