//! JSON as it was written: repeated keys are refused, depth and number of values are bounded.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

/// No operation has more levels than six.
const MAX_DEPTH: usize = 16;
/// Arguments, variables and labels together are far below.
const MAX_VALUES: usize = 100_000;
/// Below this, looking through a list is faster than hashing.
const FEW: usize = 16;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Flag(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    /// In the order of the text, each key once.
    Object(Vec<(String, Self)>),
}

impl Tree {
    /// What it is, for messages.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Flag(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The value for a reader that is not the envelope's.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Flag(flag) => Value::Bool(flag),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text),
            Self::List(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Object(entries) => {
                entries.into_iter().map(|(name, value)| (name, value.into_value())).collect()
            }
        }
    }

    /// Reads a whole text.
    pub(crate) fn read(text: &str) -> Result<Self, serde_json::Error> {
        let values = Cell::new(0);
        let mut reader = serde_json::Deserializer::from_str(text);
        let tree = Seed { depth: 0, values: &values }.deserialize(&mut reader)?;
        reader.end()?;
        Ok(tree)
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    depth: usize,
    values: &'a Cell<usize>,
}

impl Seed<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH {
            return Err(E::custom(format_args!("more than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        let values = self.values.get().saturating_add(1);
        if values > MAX_VALUES {
            return Err(D::Error::custom(format_args!("more than {MAX_VALUES} values")));
        }
        self.values.set(values);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Tree, E> {
        Number::from_f64(number).map(Tree::Number).ok_or_else(|| E::custom("a number that is none"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Tree, E> {
        Ok(Tree::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let inside = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(inside)? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let inside = self.deeper()?;
        let mut entries: Vec<(String, Tree)> = Vec::new();
        let mut many: HashSet<String> = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            let repeated = if entries.len() < FEW {
                entries.iter().any(|(other, _)| *other == name)
            } else {
                if many.is_empty() {
                    many.extend(entries.iter().map(|(name, _)| name.clone()));
                }
                !many.insert(name.clone())
            };
            if repeated {
                let shown: String = name.chars().take(64).collect();
                return Err(A::Error::custom(format_args!(
                    "the field `{}` is there twice",
                    shown.escape_debug()
                )));
            }
            entries.push((name, map.next_value_seed(inside)?));
        }
        Ok(Tree::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_key_is_refused_at_every_level_and_in_large_objects() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"b":{"a":1,"a":2}}"#, r#"[{"x":[{"a":1,"a":2}]}]"#] {
            let error = Tree::read(text).unwrap_err().to_string();
            assert!(error.contains("`a` is there twice"), "{error}");
        }
        let mut large: Vec<_> = (0..40).map(|n| format!("\"k{n}\":{n}")).collect();
        assert!(Tree::read(&format!("{{{}}}", large.join(","))).is_ok());
        large.push("\"k39\":0".to_owned());
        assert!(Tree::read(&format!("{{{}}}", large.join(","))).is_err());
    }

    #[test]
    fn depth_and_number_of_values_are_bounded() {
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(Tree::read(&deep(MAX_DEPTH)).is_ok());
        assert!(Tree::read(&deep(MAX_DEPTH + 1)).is_err());
        assert!(Tree::read(&deep(1_000_000)).is_err());
        assert!(Tree::read(&format!("[{}0]", "0,".repeat(MAX_VALUES))).is_err());
    }

    #[test]
    fn half_a_surrogate_pair_and_what_comes_after_the_end_are_refused() {
        assert!(Tree::read(r#""\ud800""#).is_err());
        assert!(Tree::read("{} {}").is_err());
    }
}
