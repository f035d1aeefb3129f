//! Requests made from shapes: each has what it must have, and one thing more.

use serde_json::{Map, Value, json};

use super::shape::{Much, Record, Shape};

/// What stands for texts and numbers of a kind.
#[derive(Debug)]
pub struct Samples<'a> {
    /// By the name of the kind, or of a map whose names they are; of others any will do.
    pub kinds: &'a [(&'a str, Value)],
    /// What maps of a name have beside.
    pub beside: &'a [(&'a str, &'a str, Value)],
}

/// A record inside of a value.
#[derive(Debug)]
pub struct Place {
    /// Where it is, as a JSON pointer.
    pub pointer: String,
    /// What it is.
    pub record: Record,
}

impl Samples<'_> {
    fn of(&self, kind: &str, any: Value) -> Value {
        self.kinds.iter().find(|(name, _)| *name == kind).map_or(any, |(_, value)| value.clone())
    }

    /// A value with what it must have.
    pub fn least(&self, shape: &Shape) -> Value {
        match shape {
            Shape::Document => json!({}),
            Shape::Flag => json!(true),
            Shape::Text(kind) => self.of(kind, json!("a")),
            Shape::Whole(kind) => self.of(kind, json!(5)),
            Shape::Signed => json!(-5),
            Shape::Number(kind) => self.of(kind, json!(1.5)),
            Shape::Words(words) => json!(words.first()),
            Shape::Record(record) => self.least_of(record),
            Shape::List(item) => json!([self.least(item)]),
            Shape::Map { value, .. } => self.map(shape, self.least(value)),
            Shape::Tuple(several) => several.iter().map(|one| self.least(one)).collect(),
            Shape::Either(several) => several.first().map_or(Value::Null, |one| self.least(one)),
            Shape::Option(inner) => self.least(inner),
        }
    }

    /// An object with what it must have.
    pub fn least_of(&self, record: &Record) -> Value {
        let chosen = record.groups.iter().filter(|group| group.much != Much::AtMostOne);
        let chosen: Vec<_> = chosen.filter_map(|group| group.names.first()).collect();
        let there = record.fields.iter().filter(|field| !field.is_optional || chosen.contains(&&field.name));
        Value::Object(there.map(|field| (field.name.clone(), self.least(&field.shape))).collect())
    }

    fn map(&self, shape: &Shape, value: Value) -> Value {
        let Shape::Map { name, .. } = shape else { return value };
        let key = self.of(name, json!("a")).as_str().unwrap_or_default().to_owned();
        let mut entries = Map::from_iter([(key, value)]);
        for (_, key, value) in self.beside.iter().filter(|(map, ..)| map == name) {
            entries.insert((*key).to_owned(), value.clone());
        }
        Value::Object(entries)
    }

    /// Values that have one thing more each, every thing that the shape has at least once.
    pub fn each(&self, shape: &Shape) -> Vec<Value> {
        match shape {
            Shape::Words(words) => words.iter().map(|word| json!(word)).collect(),
            Shape::Record(record) => self.each_of(record),
            Shape::List(item) => self.each(item).into_iter().map(|item| json!([item])).collect(),
            Shape::Map { value, .. } => {
                self.each(value).into_iter().map(|value| self.map(shape, value)).collect()
            }
            Shape::Either(several) => several.iter().flat_map(|one| self.each(one)).collect(),
            Shape::Option(inner) => self.each(inner),
            Shape::Document
            | Shape::Flag
            | Shape::Text(_)
            | Shape::Whole(_)
            | Shape::Signed
            | Shape::Number(_)
            | Shape::Tuple(_) => vec![self.least(shape)],
        }
    }

    /// The same of an object.
    pub fn each_of(&self, record: &Record) -> Vec<Value> {
        let least = self.least_of(record);
        let mut all = vec![least.clone()];
        for field in &record.fields {
            for value in self.each(&field.shape) {
                let mut more = least.clone();
                if let Value::Object(entries) = &mut more {
                    entries.retain(|other, _| !record.exclude(other, &field.name));
                    entries.insert(field.name.clone(), value);
                }
                all.push(more);
            }
        }
        all
    }
}

impl Record {
    /// Every record of a value that has this shape, itself first.
    pub fn places(&self, value: &Value) -> Vec<Place> {
        let mut found = Vec::new();
        self.collect(value, String::new(), &mut found);
        found
    }

    fn collect(&self, value: &Value, pointer: String, found: &mut Vec<Place>) {
        found.push(Place { pointer: pointer.clone(), record: self.clone() });
        for field in &self.fields {
            if let Some(inner) = value.get(&field.name).filter(|inner| !inner.is_null()) {
                collect(&field.shape, inner, format!("{pointer}/{}", field.name), found);
            }
        }
    }
}

fn collect(shape: &Shape, value: &Value, pointer: String, found: &mut Vec<Place>) {
    match (shape, value) {
        (Shape::Record(record), Value::Object(_)) => record.collect(value, pointer, found),
        (Shape::List(item), Value::Array(items)) => {
            for (at, value) in items.iter().enumerate() {
                collect(item, value, format!("{pointer}/{at}"), found);
            }
        }
        (Shape::Map { value: inner, .. }, Value::Object(entries)) => {
            for (name, value) in entries {
                collect(inner, value, format!("{pointer}/{name}"), found);
            }
        }
        (Shape::Either(several), _) => {
            if let Some(shape) = several.iter().find(|shape| shape.fits(value)) {
                collect(shape, value, pointer, found);
            }
        }
        (Shape::Option(inner), _) => collect(inner, value, pointer, found),
        _ => {}
    }
}
