//! What a scalar is, after the rules of go-yaml v3: its own mix of YAML 1.1 and 1.2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::timestamp::timestamp;
use crate::node::Value;

const LONG_PREFIX: &str = "tag:yaml.org,2002:";

/// How a scalar is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    /// The tag as the parser gives it.
    pub(super) tag: Option<&'a str>,
    pub(super) text: &'a str,
    pub(super) plain: bool,
}

impl Written<'_> {
    /// The tag that counts: `""` stands for none. A quoted scalar without one is text.
    fn tag(&self) -> &str {
        match self.tag {
            None | Some("" | "!") => {
                if self.plain {
                    ""
                } else {
                    "str"
                }
            }
            Some(tag) => tag.strip_prefix(LONG_PREFIX).unwrap_or(tag),
        }
    }

    /// Whether it asks for the merge of another mapping, if it is a key.
    pub(super) fn is_merge_key(&self) -> bool {
        self.text == "<<" && matches!(self.tag(), "" | "merge")
    }

    /// Its value; an error if the tag asks for a type that the text does not have.
    pub(super) fn value(&self) -> Result<Value, TagMismatch> {
        let tag = self.tag();
        if tag == "binary" {
            let text: String = self.text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
            let bytes = STANDARD.decode(text).map_err(|_| TagMismatch { tag: tag.to_owned() })?;
            return Ok(Value::Text(String::from_utf8_lossy(&bytes).into_owned()));
        }
        if !matches!(tag, "" | "bool" | "int" | "float" | "null" | "timestamp") {
            return Ok(Value::Text(self.text.to_owned()));
        }
        let value = untagged(self.text, tag.is_empty() || tag == "timestamp");
        let fits = match (tag, &value) {
            ("float", Value::Integer(number)) => return Ok(Value::Float(to_float(*number))),
            ("", _)
            | ("bool", Value::Bool(_))
            | ("int", Value::Integer(_))
            | ("float", Value::Float(_))
            | ("null", Value::Null)
            | ("timestamp", Value::Timestamp(_)) => true,
            _ => false,
        };
        if fits { Ok(value) } else { Err(TagMismatch { tag: tag.to_owned() }) }
    }
}

/// The tag asks for another type than the text has.
#[derive(Debug)]
pub(super) struct TagMismatch {
    pub(super) tag: String,
}

/// What a plain scalar reads as.
pub(crate) fn plain(text: &str) -> Value {
    untagged(text, true)
}

fn untagged(text: &str, times: bool) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    let number = match text.bytes().next() {
        Some(b'.') => float(text),
        Some(b'0'..=b'9' | b'+' | b'-') => {
            if times && let Some(time) = timestamp(text) {
                return Value::Timestamp(time);
            }
            let plain = text.replace('_', "");
            integer(&plain).or_else(|| float(&plain))
        }
        _ => None,
    };
    number.unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// A whole number in the notations of Go: `0x`, `0o`, `0b`, a leading zero for octal.
fn integer(text: &str) -> Option<Value> {
    let (sign, digits) = match text.bytes().next()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x" | "0X") => (16, digits.get(2..)?),
        Some("0o" | "0O") => (8, digits.get(2..)?),
        Some("0b" | "0B") => (2, digits.get(2..)?),
        Some(_) if digits.starts_with('0') => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    if let Ok(number) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
        return Some(Value::Integer(number));
    }
    let signed = text.starts_with(['-', '+']);
    let large = u64::from_str_radix(digits, radix).ok().filter(|_| !signed)?;
    // Larger than what the tree holds as a number, and yet an exact one: its digits must not be lost.
    Some(Value::Text(large.to_string()))
}

/// A decimal fraction: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and finite.
fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let only = unsigned.bytes().all(|c| matches!(c, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    let number: f64 = text.parse().ok().filter(|_| only)?;
    number.is_finite().then_some(Value::Float(number))
}

#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the type that the tag asks for holds no more"
)]
fn to_float(number: i64) -> f64 {
    number as f64
}
