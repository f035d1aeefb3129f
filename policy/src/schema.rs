//! The JSON Schema of policies, made from the one table of keys.

use serde_json::{Map, Value, json};

use crate::read::shape::{Grammar, Kind, POLICY, Shape};

/// The JSON Schema (draft 2020-12) of a policy. Every key that the reader refuses is refused by it too; beyond that
/// the reader is stricter: it also looks names up, and holds children against their parents.
pub fn schema() -> Value {
    let mut schema = table(&POLICY);
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("$id".to_owned(), json!("https://perry-sandbox.example/schema/policy/v1"));
        object.insert("title".to_owned(), json!("perry-sandbox policy"));
    }
    schema
}

fn table(shape: &'static Shape) -> Value {
    let mut properties = Map::new();
    for key in shape.keys {
        let mut property = kind(&key.kind);
        if let Some(object) = property.as_object_mut() {
            object.insert("description".to_owned(), json!(key.about));
        }
        properties.insert(key.name.to_owned(), property);
    }
    let required: Vec<&str> = shape.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "additionalProperties": false, "properties": properties, "required": required })
}

fn text(grammar: Grammar) -> Value {
    match grammar.pattern() {
        Some(pattern) => json!({ "type": "string", "pattern": pattern }),
        None => json!({ "type": "string" }),
    }
}

fn kind(kind: &'static Kind) -> Value {
    match kind {
        Kind::Text(grammar) => text(*grammar),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Whole => json!({ "type": "integer", "minimum": 1 }),
        Kind::Count => json!({ "type": "integer", "minimum": 0 }),
        Kind::Decimal => json!({ "type": "number", "exclusiveMinimum": 0 }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Moment => {
            json!({ "type": "string", "anyOf": [{ "format": "date" }, { "format": "date-time" }] })
        }
        Kind::List(inner) => json!({ "type": "array", "items": self::kind(inner) }),
        Kind::Table(shape) => table(shape),
        Kind::Named(names, inner) => {
            json!({ "type": "object", "propertyNames": text(*names), "additionalProperties": self::kind(inner) })
        }
    }
}
