//! Whether a value has a shape.

use std::collections::BTreeSet;

use serde_json::Value;

use super::shape::{Much, Operation, Record, Shape};

/// Which fields of replies there were, with something in them (`record.field`) and without (`record.field?`).
#[derive(Debug, Default)]
pub struct Seen(BTreeSet<String>);

impl Operation {
    /// What is wrong with a value of it.
    pub fn problems(&self, value: &Value, seen: &mut Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        match &self.value {
            Some(shape) => shape.check(value, "value", seen, &mut wrong),
            None if *value == serde_json::json!({}) => {}
            None => wrong.push(format!("`value` is {value}, and the operation has none")),
        }
        wrong
    }
}

impl Seen {
    /// What of these shapes was not seen, in the names of [`Seen`].
    pub fn missing<'a>(&self, shapes: impl Iterator<Item = &'a Shape>) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for shape in shapes {
            expect(shape, &mut all);
        }
        all.difference(&self.0).cloned().collect()
    }
}

fn expect(shape: &Shape, all: &mut BTreeSet<String>) {
    match shape {
        Shape::Record(record) => {
            for field in &record.fields {
                all.insert(format!("{}.{}", field.of, field.name));
                if field.is_optional {
                    all.insert(format!("{}.{}?", field.of, field.name));
                }
                expect(&field.shape, all);
            }
        }
        Shape::List(inner) | Shape::Option(inner) | Shape::Map { value: inner, .. } => expect(inner, all),
        Shape::Tuple(several) | Shape::Either(several) => several.iter().for_each(|one| expect(one, all)),
        Shape::Document
        | Shape::Flag
        | Shape::Text(_)
        | Shape::Whole(_)
        | Shape::Signed
        | Shape::Number(_)
        | Shape::Words(_) => {}
    }
}

impl Shape {
    /// The names of all records in it.
    pub fn record_names(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        expect(self, &mut all);
        all.iter().filter_map(|name| Some(name.split_once('.')?.0.to_owned())).collect()
    }

    /// Whether a value has it.
    pub fn fits(&self, value: &Value) -> bool {
        let mut wrong = Vec::new();
        self.check(value, "value", &mut Seen::default(), &mut wrong);
        wrong.is_empty()
    }

    /// Looks for what is wrong with a value.
    pub fn check(&self, value: &Value, at: &str, seen: &mut Seen, wrong: &mut Vec<String>) {
        let fits = match (self, value) {
            (Self::Document, _)
            | (Self::Flag, Value::Bool(_))
            | (Self::Text(_), Value::String(_))
            | (Self::Number(_), Value::Number(_))
            | (Self::Option(_), Value::Null) => true,
            (Self::Option(inner), _) => return inner.check(value, at, seen, wrong),
            (Self::Whole(_), Value::Number(number)) => number.as_u64().is_some(),
            (Self::Signed, Value::Number(number)) => number.as_i64().is_some(),
            (Self::Words(words), Value::String(text)) => words.contains(text),
            (Self::Record(record), Value::Object(_)) => return record.check(value, at, seen, wrong),
            (Self::List(inner), Value::Array(items)) => {
                return items.iter().for_each(|item| inner.check(item, &format!("{at}[]"), seen, wrong));
            }
            (Self::Map { value: inner, .. }, Value::Object(entries)) => {
                return entries.values().for_each(|item| inner.check(item, &format!("{at}.*"), seen, wrong));
            }
            (Self::Tuple(shapes), Value::Array(items)) if shapes.len() == items.len() => {
                return shapes.iter().zip(items).for_each(|(shape, item)| shape.check(item, at, seen, wrong));
            }
            (Self::Either(shapes), _) => match shapes.iter().find(|shape| shape.fits(value)) {
                Some(shape) => return shape.check(value, at, seen, wrong),
                None => false,
            },
            _ => false,
        };
        if !fits {
            wrong.push(format!("`{at}` is {value}, expected {}", self.kind()));
        }
    }

    fn kind(&self) -> String {
        match self {
            Self::Document => "anything".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Text(kind) => format!("text {kind}"),
            Self::Whole(kind) => format!("a whole number {kind}"),
            Self::Signed => "a number with a sign".to_owned(),
            Self::Number(kind) => format!("a number {kind}"),
            Self::Words(words) => words.join(" or "),
            Self::Record(record) => record.name.clone(),
            Self::List(inner) => format!("a list of {}", inner.kind()),
            Self::Map { value, .. } => format!("a map of {}", value.kind()),
            Self::Tuple(several) => format!("{} values", several.len()),
            Self::Either(several) => several.iter().map(Self::kind).collect::<Vec<_>>().join(" or "),
            Self::Option(inner) => format!("{} or null", inner.kind()),
        }
    }
}

impl Record {
    fn check(&self, value: &Value, at: &str, seen: &mut Seen, wrong: &mut Vec<String>) {
        let Value::Object(entries) = value else { return };
        for name in entries.keys().filter(|name| !self.fields.iter().any(|field| field.name == **name)) {
            wrong.push(format!("`{at}.{name}` is not described in `{}`", self.name));
        }
        for field in &self.fields {
            let known = format!("{}.{}", field.of, field.name);
            match entries.get(&field.name).filter(|value| !value.is_null()) {
                Some(value) => {
                    seen.0.insert(known);
                    field.shape.check(value, &format!("{at}.{}", field.name), seen, wrong);
                }
                None if field.is_optional => drop(seen.0.insert(format!("{known}?"))),
                None => wrong.push(format!("`{at}.{}` is missing", field.name)),
            }
        }
        let there = |name: &&String| entries.get(*name).is_some_and(|value| !value.is_null());
        for group in &self.groups {
            let fits = match (group.much, group.names.iter().filter(there).count()) {
                (Much::ExactlyOne, count) => count == 1,
                (Much::AtMostOne, count) => count <= 1,
                (Much::AtLeastOne, count) => count >= 1,
            };
            if !fits {
                wrong.push(format!("`{at}` has not {:?} {}", group.much, group.names.join(", ")));
            }
        }
    }
}
