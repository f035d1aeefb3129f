use super::{Mapping, Span};

/// A part of a document, with the place it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands. What a step makes up takes the span of what it made it from.
    pub span: Span,
    /// Compose's own tags, which speak to the merge.
    pub directive: Option<Directive>,
    /// What it is.
    pub value: Value,
}

/// The tags by which a file tells the merge what to do with the value of an earlier file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directive {
    /// `!reset`: drop the earlier value.
    Reset,
    /// `!override`: replace the earlier value instead of merging.
    Override,
}

/// The kinds of parts, after YAML's own rules for plain scalars (those of go-yaml v3, which the standard's reader uses).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `~`, `null` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// A plain scalar that reads as a point in time, in the form of RFC 3339. No attribute of the standard takes one: only
    /// what stands below an `x-` key may be one.
    Timestamp(String),
    /// Text, quoted or plain.
    Text(String),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values.
    Mapping(Mapping),
}

impl Node {
    /// A part without a directive.
    pub fn new(span: Span, value: Value) -> Self {
        Self { span, directive: None, value }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    /// The entries, if it is a mapping.
    pub fn mapping(&self) -> Option<&Mapping> {
        if let Value::Mapping(mapping) = &self.value { Some(mapping) } else { None }
    }

    /// The entries, if it is a mapping.
    pub fn mapping_mut(&mut self) -> Option<&mut Mapping> {
        if let Value::Mapping(mapping) = &mut self.value { Some(mapping) } else { None }
    }

    /// The items, if it is a list.
    pub fn sequence(&self) -> Option<&[Node]> {
        if let Value::Sequence(items) = &self.value { Some(items) } else { None }
    }

    /// The value below `key`, if it is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.mapping()?.get(key)
    }

    /// The value below `key`, if it is a mapping that has it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.mapping_mut()?.get_mut(key)
    }

    /// The items, if it is a list.
    pub fn sequence_mut(&mut self) -> Option<&mut Vec<Node>> {
        if let Value::Sequence(items) = &mut self.value { Some(items) } else { None }
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// A text at the same place.
    pub(crate) fn text_here(&self, text: impl Into<String>) -> Self {
        Self::new(self.span, Value::Text(text.into()))
    }

    /// What it is, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Timestamp(_) => "a point in time",
            Value::Text(_) => "text",
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
        }
    }
}
