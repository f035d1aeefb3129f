//! TOML: a header for every entry, one key a line.

use std::fmt::Write as _;

use super::comments::{Anchor, Attached, Comments};
use super::json::{members, ordered};
use crate::read::shape::{Kind, POLICY, Shape};
use crate::read::tree::{Entry, Node, Value};
use crate::source::Span;

/// Lines longer than this have their lists broken.
const WIDTH: usize = 110;

/// Writes a checked tree with the comments of its text.
pub(super) fn write(tree: &Node, text: &str) -> String {
    let Value::Table(entries) = &tree.value else { return String::new() };
    let mut anchors = Vec::new();
    for unit in units(entries) {
        anchors.push(unit.anchor);
    }
    let mut writer = Writer { text: String::new(), comments: Comments::read(text, anchors) };
    for unit in units(entries) {
        writer.unit(&unit);
    }
    let rest = writer.comments.rest();
    if !rest.is_empty() {
        writer.gap();
        writer.lines(&rest);
    }
    writer.text
}

/// A line of its own: a header, or a key with its value.
struct Unit<'n> {
    anchor: Anchor,
    content: Content<'n>,
}

enum Content<'n> {
    Header(String),
    Key(&'n Entry, Option<&'static Kind>),
}

fn offset(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn anchor(from: Span, to: Span) -> Anchor {
    Anchor { start: offset(from.start), end: offset(to.end.max(from.end)) }
}

fn units(entries: &[Entry]) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    for (entry, kind) in ordered(entries, Some(&POLICY)) {
        match (kind, &entry.node.value) {
            (Some(Kind::Named(_, Kind::Table(shape))), Value::Table(named)) => {
                for (inner, _) in ordered(named, None) {
                    let header = format!("[{}.{}]", entry.key, bare(&inner.key));
                    table(&mut units, header, inner.key_span, &inner.node, shape);
                }
            }
            (Some(Kind::Table(shape)), Value::Table(_)) => {
                table(&mut units, format!("[{}]", entry.key), entry.key_span, &entry.node, shape);
            }
            (Some(Kind::List(Kind::Table(shape))), Value::List(items)) => {
                for item in items {
                    table(&mut units, format!("[[{}]]", entry.key), item.span, item, shape);
                }
            }
            _ => units.push(Unit {
                anchor: anchor(entry.key_span, entry.node.span),
                content: Content::Key(entry, kind),
            }),
        }
    }
    units
}

fn table<'n>(units: &mut Vec<Unit<'n>>, header: String, at: Span, node: &'n Node, shape: &'static Shape) {
    // Only the first byte counts for a header: its table may be written inline, over many lines.
    units.push(Unit { anchor: anchor(at, Span { end: at.start, ..at }), content: Content::Header(header) });
    let Value::Table(entries) = &node.value else { return };
    for (entry, kind) in ordered(entries, Some(shape)) {
        let anchor = anchor(entry.key_span, entry.node.span);
        units.push(Unit { anchor, content: Content::Key(entry, kind) });
    }
}

struct Writer {
    text: String,
    comments: Comments,
}

impl Writer {
    fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn unit(&mut self, unit: &Unit<'_>) {
        let Attached { before, behind } = self.comments.take(unit.anchor.start);
        let line = match &unit.content {
            Content::Header(header) => {
                self.gap();
                header.clone()
            }
            Content::Key(entry, kind) => {
                let one_line = format!("{} = {}", bare(&entry.key), inline(&entry.node, *kind));
                if one_line.len() > WIDTH {
                    format!("{} = {}", bare(&entry.key), broken(&entry.node, *kind))
                } else {
                    one_line
                }
            }
        };
        self.lines(&before);
        self.text.push_str(&line);
        if let Some(comment) = behind {
            self.text.push_str("  ");
            self.text.push_str(&comment);
        }
        self.text.push('\n');
    }
}

/// A key, in quotes where TOML wants them.
fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if plain { key.to_owned() } else { quoted(key) }
}

fn inline(node: &Node, kind: Option<&'static Kind>) -> String {
    match &node.value {
        Value::Text(text) => match kind {
            // A date is written as TOML's own type, whichever spelling it came in.
            Some(Kind::Date | Kind::Moment) => text.clone(),
            _ => quoted(text),
        },
        Value::Number(text) | Value::Date(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null => String::new(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| inline(item, item_kind(kind))).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(entries) if entries.is_empty() => "{}".to_owned(),
        Value::Table(entries) => {
            let members: Vec<String> = members(entries, kind)
                .into_iter()
                .map(|(entry, kind)| format!("{} = {}", bare(&entry.key), inline(&entry.node, kind)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

const fn item_kind(kind: Option<&'static Kind>) -> Option<&'static Kind> {
    match kind {
        Some(Kind::List(inner)) => Some(inner),
        _ => None,
    }
}

/// A long list with one item a line; anything else stays on one line.
fn broken(node: &Node, kind: Option<&'static Kind>) -> String {
    let Value::List(items) = &node.value else { return inline(node, kind) };
    let mut text = "[\n".to_owned();
    for item in items {
        text.push_str("    ");
        text.push_str(&inline(item, item_kind(kind)));
        text.push_str(",\n");
    }
    text.push(']');
    text
}

fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
