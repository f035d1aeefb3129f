//! An object's fields, taken one by one: what nobody takes is refused.

use std::collections::BTreeMap;

use serde_json::Number;

use super::Tree;
use crate::fault::Fault;

/// The fields of one object. Every field is taken by the operation that knows it; [`Fields::finish`] refuses the rest.
#[derive(Debug)]
pub(crate) struct Fields {
    path: String,
    entries: Vec<(String, Tree)>,
    /// What was asked for so far: once all is taken, every field that there is.
    known: Vec<&'static str>,
}

impl Fields {
    /// The fields of the object that stands at `path`.
    pub(crate) fn of(tree: Tree, path: &str) -> Result<Self, Fault> {
        let kind = tree.kind();
        let Tree::Object(entries) = tree else {
            return Err(Fault::bad_request(format!("`{path}` is {kind}, expected an object")));
        };
        Ok(Self { path: path.to_owned(), entries, known: Vec::new() })
    }

    /// No fields.
    pub(crate) fn empty(path: &str) -> Self {
        Self { path: path.to_owned(), entries: Vec::new(), known: Vec::new() }
    }

    /// The path of a field, for messages.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// A refusal that names the field.
    pub(crate) fn refuse(&self, name: &str, why: impl std::fmt::Display) -> Fault {
        Fault::bad_request(format!("`{}` {why}", self.at(name)))
    }

    fn wrong(&self, name: &str, found: &Tree, expected: &str) -> Fault {
        self.refuse(name, format_args!("is {}, expected {expected}", found.kind()))
    }

    /// Takes a field; null counts as absent.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Tree> {
        self.known.push(name);
        let at = self.entries.iter().position(|(other, _)| other == name)?;
        let (_, tree) = self.entries.swap_remove(at);
        (tree != Tree::Null).then_some(tree)
    }

    /// Refuses what nobody took, and says what could have been.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        let Some((name, _)) = self.entries.first() else { return Ok(()) };
        let shown: String = name.chars().take(64).collect();
        let known = if self.known.is_empty() {
            "it has none".to_owned()
        } else {
            let names: Vec<_> = self.known.iter().map(|name| format!("`{name}`")).collect();
            format!("it has {}", names.join(", "))
        };
        let shown = shown.escape_debug();
        Err(Fault::bad_request(format!("`{}` has no field `{shown}`: {known}", self.path)))
    }

    /// The refusal of a field that is missing.
    pub(crate) fn missing(&self, name: &str) -> Fault {
        Fault::bad_request(format!("`{}` is missing", self.at(name)))
    }

    /// Text that may have any character.
    pub(crate) fn any_text(&mut self, name: &'static str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Tree::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, &other, "text")),
        }
    }

    /// Text that can be a name, a path or an argument: without NUL.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Fault> {
        let text = self.any_text(name)?;
        if text.as_ref().is_some_and(|text| text.contains('\0')) {
            return Err(self.refuse(name, NUL));
        }
        Ok(text)
    }

    /// Text that must be there.
    pub(crate) fn required_text(&mut self, name: &'static str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| self.missing(name))
    }

    /// Text of a type with a form of its own.
    pub(crate) fn parsed<T>(&mut self, name: &'static str) -> Result<Option<T>, Fault>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let text = self.text(name)?;
        text.map(|text| {
            text.parse().map_err(|error| self.refuse(name, format_args!("cannot be used: {error}")))
        })
        .transpose()
    }

    /// One of these words.
    pub(crate) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
    ) -> Result<Option<T>, Fault> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let known = || words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| self.refuse(name, format_args!("is expected to be {}", known())))
    }

    /// True or false; absent is false.
    pub(crate) fn flag(&mut self, name: &'static str) -> Result<bool, Fault> {
        match self.take(name) {
            None => Ok(false),
            Some(Tree::Flag(flag)) => Ok(flag),
            Some(other) => Err(self.wrong(name, &other, "true or false")),
        }
    }

    /// A number as it was written.
    pub(crate) fn number(&mut self, name: &'static str) -> Result<Option<Number>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Tree::Number(number)) => Ok(Some(number)),
            Some(other) => Err(self.wrong(name, &other, "a number")),
        }
    }

    /// A whole number, not below 0.
    pub(crate) fn whole(&mut self, name: &'static str) -> Result<Option<u64>, Fault> {
        let number = self.number(name)?;
        let whole = number.map(|number| number.as_u64().ok_or_else(|| self.refuse(name, WHOLE)));
        whole.transpose()
    }

    /// A list of texts without NUL.
    pub(crate) fn texts(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Tree::List(items)) => self.all_texts(name, items).map(Some),
            Some(other) => Err(self.wrong(name, &other, "a list of texts")),
        }
    }

    /// The texts of a list that was taken already.
    pub(crate) fn all_texts(&self, name: &str, items: Vec<Tree>) -> Result<Vec<String>, Fault> {
        let text = |item: Tree| {
            let kind = item.kind();
            let Tree::Text(text) = item else {
                return Err(self.refuse(name, format_args!("has {kind} in it, expected only texts")));
            };
            if text.contains('\0') { Err(self.refuse(name, NUL)) } else { Ok(text) }
        };
        items.into_iter().map(text).collect()
    }

    /// An object of names and texts. Values can be secrets: no message has them.
    pub(crate) fn map(&mut self, name: &'static str) -> Result<Option<BTreeMap<String, String>>, Fault> {
        let Some(tree) = self.take(name) else { return Ok(None) };
        let inside = Self::of(tree, &self.at(name))?;
        let mut found = BTreeMap::new();
        for (key, value) in inside.entries {
            let shown = || key.chars().take(64).collect::<String>().escape_debug().to_string();
            let Tree::Text(text) = value else {
                let why = format_args!("has {} under `{}`, expected text", value.kind(), shown());
                return Err(self.refuse(name, why));
            };
            if key.contains('\0') || text.contains('\0') {
                return Err(self.refuse(name, format_args!("{NUL} (`{}`)", shown())));
            }
            found.insert(key, text);
        }
        Ok(Some(found))
    }

    /// An object with fields of its own.
    pub(crate) fn object(&mut self, name: &'static str) -> Result<Option<Self>, Fault> {
        let path = if self.path == "the request" { name.to_owned() } else { self.at(name) };
        self.take(name).map(|tree| Self::of(tree, &path)).transpose()
    }
}

const NUL: &str = "has a NUL character, which no name, path or argument can have";
const WHOLE: &str = "is expected to be a whole number that is not negative";

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of(Tree::read(text).unwrap(), "args").unwrap()
    }

    #[test]
    fn what_nobody_takes_is_refused_by_name() {
        let mut it = fields(r#"{"name":"x","tierr":"y"}"#);
        assert_eq!(it.required_text("name").unwrap(), "x");
        assert_eq!(it.finish().unwrap_err().message, "`args` has no field `tierr`: it has `name`");
    }

    #[test]
    fn null_counts_as_absent_but_is_a_known_field_only_where_it_is_taken() {
        let mut it = fields(r#"{"name":null}"#);
        assert!(it.finish().is_err());
        assert_eq!(it.text("name").unwrap(), None);
        assert!(it.finish().is_ok());
    }

    #[test]
    fn a_wrong_type_is_refused_with_the_path_and_without_the_value() {
        let it = fields(r#"{"env":{"TOKEN":12345}}"#).map("env").unwrap_err();
        assert_eq!(it.message, "`args.env` has a number under `TOKEN`, expected text");
        let it = fields(r#"{"env":{"TOKEN":"secret\u0000"}}"#).map("env").unwrap_err();
        assert!(it.message.contains("TOKEN") && !it.message.contains("secret"), "{}", it.message);
        for text in [r#"{"n":-1}"#, r#"{"n":1.5}"#, r#"{"n":1e300}"#, r#"{"n":"1"}"#, r#"{"n":[]}"#] {
            assert!(fields(text).whole("n").is_err(), "{text}");
        }
    }
}
