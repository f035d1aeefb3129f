//! TOML into the tree.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::Source;
use toml_parser::lexer::TokenKind;

use super::tree::{Entry, MAX_DEPTH, MAX_ENTRIES, Node, Spans, Value, too_deep, too_many};
use crate::refusal::{Refusal, RefusalCode, Refusals};
use crate::source::Span;

/// Reads a TOML document; all its syntax errors are reported at once.
pub(crate) fn parse(text: &str, spans: Spans, refusals: &mut Refusals) -> Option<Node> {
    if let Err(refusal) = screen(text, spans) {
        refusals.push(*refusal);
        return None;
    }
    let (table, errors) = DeTable::parse_recoverable(text);
    let broken = !errors.is_empty();
    for error in errors {
        let range = error.span().unwrap_or(0..0);
        let repeated = error.message().starts_with("duplicate key");
        let code = if repeated { RefusalCode::RepeatedKey } else { RefusalCode::Syntax };
        let refusal = Refusal::new(code, spans.span(range.start, range.end), error.message());
        refusals.push(if repeated { refusal.help("write each key and each table once") } else { refusal });
    }
    (!broken).then(|| Node {
        span: spans.span(table.span().start, table.span().end),
        value: table_value(table.get_ref(), spans),
    })
}

/// Counts before anything is built.
///
/// SECURITY: the reader's own guard counts brackets, not the dots of a key, and a key of a million dots would build
/// (and drop) a million nested tables on the stack.
fn screen(text: &str, spans: Spans) -> Result<(), Box<Refusal>> {
    let mut dots = 0_u32;
    let mut open = 0_u32;
    let mut entries = 0_u32;
    for token in Source::new(text).lex() {
        let place = || spans.span(token.span().start(), token.span().end());
        match token.kind() {
            TokenKind::Dot => dots = dots.saturating_add(1),
            TokenKind::Atom
            | TokenKind::BasicString
            | TokenKind::LiteralString
            | TokenKind::MlBasicString
            | TokenKind::MlLiteralString
            | TokenKind::Whitespace => {}
            TokenKind::LeftSquareBracket | TokenKind::LeftCurlyBracket => {
                dots = 0;
                open = open.saturating_add(1);
            }
            TokenKind::RightSquareBracket | TokenKind::RightCurlyBracket => {
                dots = 0;
                open = open.saturating_sub(1);
            }
            TokenKind::Equals | TokenKind::Comma => {
                dots = 0;
                entries = entries.saturating_add(1);
            }
            TokenKind::Comment | TokenKind::Newline | TokenKind::Eof => dots = 0,
        }
        if dots > MAX_DEPTH || open > MAX_DEPTH {
            return Err(Box::new(too_deep(place())));
        }
        if entries > MAX_ENTRIES {
            return Err(Box::new(too_many(place())));
        }
    }
    Ok(())
}

fn table_value(table: &DeTable<'_>, spans: Spans) -> Value {
    let entries = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: span_of(key, spans),
            node: node(value, spans),
        })
        .collect();
    Value::Table(entries)
}

fn span_of<T>(spanned: &Spanned<T>, spans: Spans) -> Span {
    spans.span(spanned.span().start, spanned.span().end)
}

fn node(spanned: &Spanned<DeValue<'_>>, spans: Spans) -> Node {
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(|item| node(item, spans)).collect()),
        DeValue::Table(table) => table_value(table, spans),
    };
    Node { value, span: span_of(spanned, spans) }
}
