//! An object's fields, taken one by one: what nobody takes is a problem, and so is what has another type.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::problem::Problem;

/// Longest text: an argument of a program, which Linux ends here.
const LONGEST_TEXT: usize = 128 * 1024;
/// Most entries of one list or object inside a node.
pub(super) const MOST_ENTRIES: usize = 1_024;
/// How much of a name is quoted.
const QUOTED: usize = 64;

/// What was found to be wrong so far.
#[derive(Debug, Default)]
pub(super) struct Found(Vec<Problem>);

impl Found {
    pub(super) fn add(&mut self, at: &str, why: impl Display) {
        self.0.push(Problem { at: at.to_owned(), why: why.to_string() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it, in the order of places, nothing twice.
    pub(super) fn into_sorted(self) -> Vec<Problem> {
        self.0.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Text as it may stand in a message: short, and without control characters.
pub(super) fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect::<String>().escape_debug().to_string()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// An object at its place.
pub(super) struct Object<'a> {
    pub(super) at: String,
    fields: &'a Map<String, Value>,
    taken: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// The value as an object; a problem if it is none.
    pub(super) fn of(value: &'a Value, at: String, found: &mut Found) -> Option<Self> {
        let Value::Object(fields) = value else {
            found.add(&at, format_args!("is {}, expected an object", kind(value)));
            return None;
        };
        Some(Self { at, fields, taken: Vec::new() })
    }

    pub(super) fn place(&self, name: &str) -> String {
        if self.at.is_empty() { name.to_owned() } else { format!("{}.{name}", self.at) }
    }

    /// Takes a field; null counts as absent.
    pub(super) fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.taken.push(name);
        self.fields.get(name).filter(|value| !value.is_null())
    }

    /// What nobody took is not known, and what could have been is told.
    pub(super) fn finish(&self, found: &mut Found) {
        for name in self.fields.keys().filter(|name| !self.taken.contains(&name.as_str())) {
            let near = self
                .taken
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
            let near = near.filter(|near| strsim::jaro_winkler(name, near) > 0.8);
            let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let known: BTreeSet<_> = self.taken.iter().map(|name| format!("`{name}`")).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            found.add(&self.place(&quoted(name)), format_args!("is not known here{hint}; known are {known}"));
        }
    }

    fn wrong(&self, name: &str, value: &Value, expected: &str, found: &mut Found) {
        found.add(&self.place(name), format_args!("is {}, expected {expected}", kind(value)));
    }

    /// Text without NUL, of a bounded length.
    pub(super) fn text(&mut self, name: &'static str, found: &mut Found) -> Option<&'a str> {
        let value = self.take(name)?;
        let Value::String(text) = value else {
            self.wrong(name, value, "text", found);
            return None;
        };
        plain(text, || self.place(name), found)
    }

    /// A problem if the field is not there.
    pub(super) fn require(&self, name: &'static str, what: &str, found: &mut Found) {
        if self.fields.get(name).is_none_or(Value::is_null) {
            found.add(&self.place(name), format_args!("is missing: {what}"));
        }
    }

    /// Text of a type with a form of its own.
    pub(super) fn parsed<T>(&mut self, name: &'static str, found: &mut Found) -> Option<T>
    where
        T: FromStr<Err: Display>,
    {
        let text = self.text(name, found)?;
        text.parse().map_err(|error| found.add(&self.place(name), error)).ok()
    }

    /// A whole number from one up.
    pub(super) fn count(&mut self, name: &'static str, found: &mut Found) -> Option<u64> {
        let value = self.take(name)?;
        let number = value.as_u64().filter(|number| *number > 0);
        if number.is_none() {
            self.wrong(name, value, "a whole number above 0", found);
        }
        number
    }

    /// True or false; absent is false.
    pub(super) fn flag(&mut self, name: &'static str, found: &mut Found) -> Option<bool> {
        let value = self.take(name)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.wrong(name, value, "true or false", found);
        }
        flag
    }

    /// One of these words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        found: &mut Found,
    ) -> Option<T> {
        let text = self.text(name, found)?;
        let meant = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if meant.is_none() {
            let known: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            found.add(&self.place(name), format_args!("is expected to be {}", known.join(" or ")));
        }
        meant
    }

    /// The items of a list, each with its place.
    pub(super) fn list(&mut self, name: &'static str, found: &mut Found) -> Vec<(String, &'a Value)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let Value::Array(items) = value else {
            self.wrong(name, value, "a list", found);
            return Vec::new();
        };
        if items.len() > MOST_ENTRIES {
            found.add(&self.place(name), format_args!("has more than {MOST_ENTRIES} entries"));
            return Vec::new();
        }
        items
            .iter()
            .enumerate()
            .map(|(index, item)| (format!("{}[{index}]", self.place(name)), item))
            .collect()
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, name: &'static str, found: &mut Found) -> Vec<String> {
        let list = self.list(name, found);
        list.into_iter().filter_map(|(at, item)| text_of(item, &at, found).map(str::to_owned)).collect()
    }

    /// The entries of an object of a bounded size, each with its place.
    pub(super) fn entries(
        &mut self,
        name: &'static str,
        most: usize,
        found: &mut Found,
    ) -> Vec<(&'a String, String, &'a Value)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let place = self.place(name);
        let Value::Object(fields) = value else {
            self.wrong(name, value, "an object", found);
            return Vec::new();
        };
        if fields.len() > most {
            found.add(&place, format_args!("has more than {most} entries"));
            return Vec::new();
        }
        fields.iter().map(|(key, value)| (key, format!("{place}.{}", quoted(key)), value)).collect()
    }

    /// An object with fields of its own.
    pub(super) fn object(&mut self, name: &'static str, found: &mut Found) -> Option<Self> {
        let value = self.take(name)?;
        Self::of(value, self.place(name), found)
    }
}

/// The value as text without NUL.
pub(super) fn text_of<'a>(value: &'a Value, at: &str, found: &mut Found) -> Option<&'a str> {
    let Value::String(text) = value else {
        found.add(at, format_args!("is {}, expected text", kind(value)));
        return None;
    };
    plain(text, || at.to_owned(), found)
}

fn plain<'a>(text: &'a str, at: impl Fn() -> String, found: &mut Found) -> Option<&'a str> {
    if text.contains('\0') {
        found.add(&at(), "has a NUL character, which no name, path or argument can have");
    } else if text.len() > LONGEST_TEXT {
        found.add(&at(), format_args!("is longer than {LONGEST_TEXT} bytes"));
    } else {
        return Some(text);
    }
    None
}
