use perry_sandbox_compose::{Key, Mapping, Node, Problem, Reason, Span, Value, parse_duration, shown};
use std::time::Duration;

use super::At;

/// Reads values of the canonical tree, whose types the loader settled, and says which of them mean nothing.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) problems: Vec<Problem>,
}

impl Reader {
    /// A value that means nothing.
    pub(crate) fn wrong(&mut self, span: Span, attribute: &str, found: &str, wanted: &str) {
        let message = format!("`{attribute}` is `{}`: expected {wanted}", shown(found));
        self.problems.push(Problem::new(Reason::InvalidValue, span, message));
    }

    /// A whole number, not negative, of 32 bits.
    pub(crate) fn number(&mut self, node: &Node, attribute: &str) -> Option<u32> {
        let number = integer(node)?;
        let fits = u32::try_from(number).ok();
        if fits.is_none() {
            self.wrong(node.span, attribute, &number.to_string(), "a whole number from 0");
        }
        fits
    }

    /// A time.
    pub(crate) fn time(&mut self, node: &Node, attribute: &str) -> Option<Duration> {
        let text = node.text()?;
        let time = parse_duration(text).and_then(|nanoseconds| u64::try_from(nanoseconds).ok());
        if time.is_none() {
            self.wrong(node.span, attribute, text, "a time that is not negative");
        }
        time.map(Duration::from_nanos)
    }
}

/// The text below a key, with its place.
pub(crate) fn text_at(node: &Node, key: &str) -> Option<At<String>> {
    let node = node.get(key)?;
    Some(At::new(node.text()?.to_owned(), node.span))
}

/// The text below a key.
pub(crate) fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key)?.text().map(str::to_owned)
}

/// The texts of a list, or the only one.
pub(crate) fn texts(node: Option<&Node>) -> Vec<At<String>> {
    items(node).iter().filter_map(|node| Some(At::new(node.text()?.to_owned(), node.span))).collect()
}

/// The words of a command; nothing if none is given.
pub(crate) fn words(node: Option<&Node>) -> Option<At<Vec<String>>> {
    let node = node.filter(|node| !node.is_null())?;
    let words = node.sequence()?.iter().filter_map(Node::text).map(str::to_owned).collect();
    Some(At::new(words, node.span))
}

/// Whether a key says `true`.
pub(crate) fn is_true(node: &Node, key: &str) -> bool {
    node.get(key).is_some_and(|node| matches!(node.value, Value::Bool(true)))
}

/// A whole number; the text of one, too.
pub(crate) fn integer(node: &Node) -> Option<i64> {
    if let Value::Integer(number) = &node.value { Some(*number) } else { node.text()?.parse().ok() }
}

/// A number of processors in thousandths.
pub(crate) fn thousandths(node: &Node) -> Option<u32> {
    let text = if let Value::Float(number) = &node.value {
        format!("{number:.3}")
    } else {
        node.text()
            .map_or_else(|| integer(node).map(|number| number.to_string()), |text| Some(text.to_owned()))?
    };
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let rest: u32 = format!("{rest:0<3}").get(..3)?.parse().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1000)?.checked_add(rest)
}

/// The items of a list.
pub(crate) fn items(node: Option<&Node>) -> &[Node] {
    node.and_then(Node::sequence).unwrap_or_default()
}

/// The entries of a mapping, by name.
pub(crate) fn entries(node: Option<&Node>) -> Vec<(&Key, &Node)> {
    let mut entries: Vec<_> = node.and_then(Node::mapping).into_iter().flat_map(Mapping::iter).collect();
    entries.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    entries
}
