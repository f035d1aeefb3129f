//! Reading values of a tree with their places.

use perry_sandbox_compose::{Node, Span, Value};

use crate::place::{FileId, Place, Placed};

/// Turns a loader's spans into places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// Our files, by the loader's numbers.
    pub(crate) files: &'a [FileId],
}

/// A scalar as text; nothing for null, lists and mappings.
pub(crate) fn text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) | Value::Timestamp(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// The items of a list; a scalar is a list of one.
pub(crate) fn items(node: Option<&Node>) -> &[Node] {
    match node {
        None | Some(Node { value: Value::Null | Value::Mapping(_), .. }) => &[],
        Some(Node { value: Value::Sequence(items), .. }) => items,
        Some(node) => std::slice::from_ref(node),
    }
}

/// A scalar that means yes or no, also where it is quoted.
fn boolean(node: &Node) -> Option<bool> {
    match text(node)?.to_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Some(true),
        "false" | "no" | "off" | "n" => Some(false),
        _ => None,
    }
}

/// The scalars of a list as texts.
fn words(node: Option<&Node>) -> impl Iterator<Item = (String, Span)> + '_ {
    items(node).iter().filter_map(|item| Some((text(item)?, item.span)))
}

impl Reader<'_> {
    /// Where a span is in our files.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let file = *self.files.get(usize::try_from(span.file.0).ok()?)?;
        let offset = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX);
        Some(Place { file, start: offset(span.start.offset), end: offset(span.end.offset) })
    }

    fn placed<T>(&self, value: T, span: Span) -> Option<Placed<T>> {
        Some(Placed::new(value, self.place(span)?))
    }

    /// The text of a scalar.
    pub(crate) fn text(&self, node: Option<&Node>) -> Option<Placed<String>> {
        let node = node?;
        self.placed(text(node)?, node.span)
    }

    /// A yes or no.
    pub(crate) fn boolean(&self, node: Option<&Node>) -> Option<Placed<bool>> {
        let node = node?;
        self.placed(boolean(node)?, node.span)
    }

    /// A number.
    pub(crate) fn number(&self, node: Option<&Node>, read: fn(&str) -> Option<f64>) -> Option<Placed<f64>> {
        let node = node?;
        self.placed(read(&text(node)?)?, node.span)
    }

    /// The texts of a list, or of one scalar.
    pub(crate) fn texts(&self, node: Option<&Node>) -> Vec<Placed<String>> {
        words(node).filter_map(|(text, span)| self.placed(text, span)).collect()
    }

    /// Names with values from either form, `{a: 1}` or `[a=1]`; the place is the value's, or the whole item's.
    pub(crate) fn pairs(&self, node: Option<&Node>) -> Vec<(String, Option<String>, Place)> {
        let Some(node) = node else { return Vec::new() };
        match &node.value {
            Value::Mapping(entries) => entries
                .iter()
                .filter_map(|(key, value)| {
                    let span = if value.is_null() { key.span } else { value.span };
                    Some((key.name.clone(), text(value), self.place(span)?))
                })
                .collect(),
            _ => items(Some(node))
                .iter()
                .filter_map(|item| {
                    let whole = text(item)?;
                    let (name, value) = whole
                        .split_once('=')
                        .map_or((whole.as_str(), None), |(name, value)| (name, Some(value)));
                    Some((name.to_owned(), value.map(str::to_owned), self.place(item.span)?))
                })
                .collect(),
        }
    }
}
