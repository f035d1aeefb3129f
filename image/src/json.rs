//! Strict JSON: no repeated keys, bounded depth, and reading fields with an error that names them.
//!
//! serde's derived maps keep the last of two equal keys silently, so two readers of one signed document can
//! see two contents. Everything hostile goes through [`parse_strict`] instead.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use thiserror::Error;

/// The deepest nesting that is ever read: `serde_json`'s own limit.
pub const MAX_DEPTH: usize = 128;

/// Why some bytes are not the JSON that was expected.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON, a repeated key, or nested too deeply.
    #[error("not acceptable JSON: {reason}")]
    Syntax {
        /// The parser's words, with line and column.
        reason: String,
    },
    /// A field is missing.
    #[error("{object} has no `{field}`")]
    Missing {
        /// The object, e.g. `descriptor`.
        object: &'static str,
        /// The field's name.
        field: &'static str,
    },
    /// A field has another type or value than it may have.
    #[error("`{field}` of {object} is not {expected}")]
    Wrong {
        /// The object, e.g. `descriptor`.
        object: &'static str,
        /// The field's name.
        field: &'static str,
        /// What it should have been, e.g. `a string`.
        expected: &'static str,
    },
    /// A list or map has more members than are read.
    #[error("`{field}` of {object} has more than {limit} members")]
    TooMany {
        /// The object, e.g. `index`.
        object: &'static str,
        /// The field's name.
        field: &'static str,
        /// The most that are read.
        limit: usize,
    },
}

/// The most values, members of lists and objects together, that are ever read. Each takes up to a hundred bytes of
/// memory and as little as two of a document: four megabytes of `0,0,0` would otherwise become a hundred.
pub const MAX_VALUES: usize = 250_000;

/// Parses JSON and refuses repeated keys, trailing bytes, more than [`MAX_VALUES`], and nesting deeper than
/// `max_depth` (at most [`MAX_DEPTH`]). The caller bounds the size.
///
/// # Errors
/// [`JsonError::Syntax`].
pub fn parse_strict(bytes: &[u8], max_depth: usize) -> Result<Value, JsonError> {
    let syntax = |error: serde_json::Error| JsonError::Syntax { reason: error.to_string() };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let left = Cell::new(MAX_VALUES);
    let value =
        Strict { depth: max_depth.min(MAX_DEPTH), left: &left }.deserialize(&mut reader).map_err(syntax)?;
    reader.end().map_err(syntax)?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    /// How many more values are read, in the whole document.
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        self.depth
            .checked_sub(1)
            .map(|depth| Self { depth, ..self })
            .ok_or_else(|| E::custom("nested more deeply than is read"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| D::Error::custom("more values than are read"))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            if map.contains_key(&key) {
                let shown: String = key.chars().take(64).collect();
                return Err(A::Error::custom(format_args!("the key {shown:?} stands twice in one object")));
            }
            let value = members.next_value_seed(inner)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// A JSON object whose fields are read by name and type.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    name: &'static str,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    /// Takes a value that must be an object; `name` is how errors call it.
    ///
    /// # Errors
    /// [`JsonError::Wrong`] when the value is not an object.
    pub fn new(name: &'static str, value: &'a Value) -> Result<Self, JsonError> {
        let map = value.as_object().ok_or(JsonError::Wrong {
            object: name,
            field: "the whole",
            expected: "an object",
        })?;
        Ok(Self { name, map })
    }

    fn wrong(&self, field: &'static str, expected: &'static str) -> JsonError {
        JsonError::Wrong { object: self.name, field, expected }
    }

    /// The value of a field; JSON's `null` counts as absent, as Go's encoders write it.
    pub fn get(&self, field: &str) -> Option<&'a Value> {
        self.map.get(field).filter(|value| !value.is_null())
    }

    /// Whether a field is there, even as `null`.
    pub fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// [`JsonError::Missing`].
    pub fn required(&self, field: &'static str) -> Result<&'a Value, JsonError> {
        self.get(field).ok_or(JsonError::Missing { object: self.name, field })
    }

    /// A string that must be there.
    ///
    /// # Errors
    /// [`JsonError::Missing`] or [`JsonError::Wrong`].
    pub fn string(&self, field: &'static str) -> Result<&'a str, JsonError> {
        self.required(field)?.as_str().ok_or_else(|| self.wrong(field, "a string"))
    }

    /// A string that may be absent; an empty one counts as absent.
    ///
    /// # Errors
    /// [`JsonError::Wrong`].
    pub fn optional_string(&self, field: &'static str) -> Result<Option<&'a str>, JsonError> {
        let Some(value) = self.get(field) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.wrong(field, "a string"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// A whole number, not negative, that must be there.
    ///
    /// # Errors
    /// [`JsonError::Missing`] or [`JsonError::Wrong`].
    pub fn number(&self, field: &'static str) -> Result<u64, JsonError> {
        self.required(field)?.as_u64().ok_or_else(|| self.wrong(field, "a whole number that is not negative"))
    }

    /// A list of at most `limit` members; absent counts as empty.
    ///
    /// # Errors
    /// [`JsonError::Wrong`] or [`JsonError::TooMany`].
    pub fn list(&self, field: &'static str, limit: usize) -> Result<&'a [Value], JsonError> {
        let Some(value) = self.get(field) else { return Ok(&[]) };
        let list = value.as_array().ok_or_else(|| self.wrong(field, "a list"))?;
        if list.len() > limit {
            return Err(JsonError::TooMany { object: self.name, field, limit });
        }
        Ok(list)
    }

    /// A list of strings of at most `limit` members; absent counts as empty.
    ///
    /// # Errors
    /// [`JsonError::Wrong`] or [`JsonError::TooMany`].
    pub fn strings(&self, field: &'static str, limit: usize) -> Result<Vec<String>, JsonError> {
        let wrong = || self.wrong(field, "a list of strings");
        self.list(field, limit)?
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect()
    }

    /// A map from string to string of at most `limit` members; absent counts as empty.
    ///
    /// # Errors
    /// [`JsonError::Wrong`] or [`JsonError::TooMany`].
    pub fn string_map(
        &self,
        field: &'static str,
        limit: usize,
    ) -> Result<BTreeMap<String, String>, JsonError> {
        let Some(value) = self.get(field) else { return Ok(BTreeMap::new()) };
        let wrong = || self.wrong(field, "a map of strings");
        let map = value.as_object().ok_or_else(wrong)?;
        if map.len() > limit {
            return Err(JsonError::TooMany { object: self.name, field, limit });
        }
        let member = |(key, value): (&String, &Value)| {
            value.as_str().map(|value| (key.clone(), value.to_owned())).ok_or_else(wrong)
        };
        map.iter().map(member).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_values_than_fit_in_memory_are_refused() {
        // The list is a value too.
        let list = |count: usize| format!("[0{}]", ",0".repeat(count - 2));
        assert!(parse_strict(list(MAX_VALUES).as_bytes(), MAX_DEPTH).is_ok());
        assert!(parse_strict(list(MAX_VALUES + 1).as_bytes(), MAX_DEPTH).is_err());
    }

    #[test]
    fn a_repeated_key_is_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":2}"#, r#"[{"b":{"a":1,"\u0061":1}}]"#] {
            let error = parse_strict(text.as_bytes(), MAX_DEPTH).unwrap_err();
            assert!(error.to_string().contains("stands twice"), "{error}");
        }
        assert!(parse_strict(br#"[{"a":1},{"a":2}]"#, MAX_DEPTH).is_ok());
    }

    #[test]
    fn depth_and_trailing_bytes_are_bounded() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse_strict(nested(4).as_bytes(), 4).is_ok());
        assert!(parse_strict(nested(5).as_bytes(), 4).is_err());
        assert!(parse_strict(nested(100_000).as_bytes(), usize::MAX).is_err());
        assert!(parse_strict(b"{} {}", MAX_DEPTH).is_err());
    }

    #[test]
    fn fields_have_their_types() {
        let value = parse_strict(br#"{"n":1.5,"m":-1,"s":"x","l":[1],"z":null}"#, MAX_DEPTH).unwrap();
        let object = Object::new("thing", &value).unwrap();
        assert!(object.number("n").is_err() && object.number("m").is_err());
        assert_eq!(object.string("s"), Ok("x"));
        assert!(object.strings("l", 9).is_err() && object.list("l", 0).is_err());
        assert_eq!(object.optional_string("z"), Ok(None));
        assert_eq!(object.string("q").unwrap_err().to_string(), "thing has no `q`");
    }
}
