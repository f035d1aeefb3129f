//! Strict JSON into the tree.

use jsonc_parser::ast;
use jsonc_parser::common::{Range, Ranged as _};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::tree::{Entry, Node, Spans, Value};
use crate::refusal::{Refusal, RefusalCode, Refusals, shown};
use crate::source::Span;

/// Nothing but JSON: every comfort of the reader is off.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads a JSON document. It must hold for two readers: one with byte ranges, which shows repeated keys, and
/// `serde_json`, which is strict about numbers and strings.
pub(crate) fn parse(text: &str, spans: Spans, refusals: &mut Refusals) -> Option<Node> {
    let parsed = match parse_to_ast(text, &CollectOptions::default(), &STRICT) {
        Ok(parsed) => parsed,
        Err(error) => {
            let message = error.kind().to_string().to_lowercase();
            let span = spans.span(error.range().start, error.range().end);
            refusals.push(Refusal::new(RefusalCode::Syntax, span, message));
            return None;
        }
    };
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let span = at_line(text, error.line(), error.column(), spans);
        refusals.push(Refusal::new(RefusalCode::Syntax, span, error.to_string()));
        return None;
    }
    let value = parsed.value?;
    Some(node(&value, spans, refusals))
}

fn at_line(text: &str, line: usize, column: usize, spans: Spans) -> Span {
    let before: usize =
        text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).fold(0, usize::saturating_add);
    let start = before.saturating_add(column.saturating_sub(1)).min(text.len());
    spans.span(start, start)
}

fn of_range(range: Range, spans: Spans) -> Span {
    spans.span(range.start, range.end)
}

fn node(value: &ast::Value<'_>, spans: Spans, refusals: &mut Refusals) -> Node {
    let span = of_range(value.range(), spans);
    let value = match value {
        ast::Value::StringLit(text) => Value::Text(text.value.to_string()),
        ast::Value::NumberLit(number) => Value::Number(number.value.to_owned()),
        ast::Value::BooleanLit(truth) => Value::Bool(truth.value),
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::Array(array) => {
            Value::List(array.elements.iter().map(|item| node(item, spans, refusals)).collect())
        }
        ast::Value::Object(object) => table(object, spans, refusals),
    };
    Node { value, span }
}

fn table(object: &ast::Object<'_>, spans: Spans, refusals: &mut Refusals) -> Value {
    let mut entries: Vec<Entry> = Vec::new();
    let mut seen = std::collections::BTreeMap::new();
    for property in &object.properties {
        let key = property.name.as_str().to_owned();
        let key_span = of_range(property.name.range(), spans);
        let value = node(&property.value, spans, refusals);
        if let Some(first) = seen.insert(key.clone(), key_span) {
            refusals.push(
                Refusal::new(
                    RefusalCode::RepeatedKey,
                    key_span,
                    format!("the key `{}` is written twice", shown(&key)),
                )
                .related(first, "first written here")
                .help("write each key once"),
            );
        } else {
            entries.push(Entry { key, key_span, node: value });
        }
    }
    Value::Table(entries)
}
