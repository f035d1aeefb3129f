//! As much of JSON Schema (draft 7) as the schema of SARIF uses. A keyword that is not known fails, so that none is passed over.

use serde_json::{Map, Value};

/// Keywords that say nothing about a value.
const SILENT: [&str; 10] = [
    "$schema",
    "$id",
    "id",
    "title",
    "description",
    "default",
    "definitions",
    "format",
    "additionalDescription",
    "$comment",
];

/// Everything that is wrong with a value, each with the way to it.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check { root: schema, found: &mut found }.value(schema, value, "");
    found
}

struct Check<'a> {
    root: &'a Value,
    found: &'a mut Vec<String>,
}

impl Check<'_> {
    fn say(&mut self, way: &str, what: &str) {
        self.found.push(format!("{way}: {what}"));
    }

    fn value(&mut self, schema: &Value, value: &Value, way: &str) {
        let Some(keywords) = schema.as_object() else {
            if schema == &Value::Bool(false) {
                self.say(way, "must not be there");
            }
            return;
        };
        for (keyword, rule) in keywords {
            self.keyword(keyword, rule, value, way, keywords);
        }
    }

    fn keyword(&mut self, keyword: &str, rule: &Value, value: &Value, way: &str, all: &Map<String, Value>) {
        match keyword {
            "$ref" => {
                let name =
                    rule.as_str().and_then(|text| text.strip_prefix("#/definitions/")).expect("a definition");
                let root = self.root;
                self.value(&root["definitions"][name], value, way);
            }
            "type" => {
                let types: Vec<&str> = rule.as_str().map_or_else(
                    || rule.as_array().expect("types").iter().filter_map(Value::as_str).collect(),
                    |one| vec![one],
                );
                if !types.iter().any(|one| is_type(value, one)) {
                    self.say(way, &format!("is no {types:?}: {value}"));
                }
            }
            "enum" => {
                if !rule.as_array().expect("values").contains(value) {
                    self.say(way, &format!("{value} is none of {rule}"));
                }
            }
            "required" => {
                for name in rule.as_array().expect("names").iter().filter_map(Value::as_str) {
                    if value.is_object() && value.get(name).is_none() {
                        self.say(way, &format!("has no `{name}`"));
                    }
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().expect("schemas") {
                    if let Some(inner) = value.get(name) {
                        self.value(schema, inner, &format!("{way}/{name}"));
                    }
                }
            }
            "additionalProperties" => {
                let known = all.get("properties").and_then(Value::as_object);
                for (name, inner) in value.as_object().into_iter().flatten() {
                    if !known.is_some_and(|known| known.contains_key(name)) {
                        self.value(rule, inner, &format!("{way}/{name}"));
                    }
                }
            }
            "items" => {
                for (at, inner) in value.as_array().into_iter().flatten().enumerate() {
                    self.value(rule, inner, &format!("{way}/{at}"));
                }
            }
            "uniqueItems" => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                if items.iter().enumerate().any(|(at, item)| items[..at].contains(item)) {
                    self.say(way, "has an item twice");
                }
            }
            "minItems" | "minimum" | "maximum" | "minLength" => {
                let size = match value {
                    Value::Array(items) if keyword == "minItems" => Some(items.len() as f64),
                    Value::String(text) if keyword == "minLength" => Some(text.len() as f64),
                    Value::Number(number) => number.as_f64(),
                    _ => None,
                };
                let bound = rule.as_f64().expect("a bound");
                if size.is_some_and(|size| if keyword == "maximum" { size > bound } else { size < bound }) {
                    self.say(way, &format!("{value} is out of bounds ({keyword} {bound})"));
                }
            }
            "pattern" => {
                // The schema's own patterns are those of GUIDs, languages and versions, of which we write none.
                if let Some(text) = value.as_str() {
                    self.say(way, &format!("`{text}` has the pattern {rule}, which is not checked here"));
                }
            }
            "anyOf" | "oneOf" => {
                let fits = rule.as_array().expect("schemas").iter().any(|schema| {
                    let mut found = Vec::new();
                    Check { root: self.root, found: &mut found }.value(schema, value, way);
                    found.is_empty()
                });
                if !fits {
                    self.say(way, &format!("fits none of {keyword}"));
                }
            }
            "allOf" => {
                rule.as_array().expect("schemas").iter().for_each(|schema| self.value(schema, value, way))
            }
            silent if SILENT.contains(&silent) => {}
            other => self.say(way, &format!("the schema's keyword `{other}` is not known here")),
        }
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("`{other}` is no type"),
    }
}

#[test]
fn the_checker_finds_what_is_wrong() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"], "additionalProperties": false,
        "properties": { "a": { "$ref": "#/definitions/n" }, "b": { "type": "array", "minItems": 1, "items": { "enum": ["x"] } } },
        "definitions": { "n": { "type": "integer", "minimum": 1 } },
    });
    let count = |value: Value| problems(&schema, &value).len();
    assert_eq!(count(serde_json::json!({ "a": 1, "b": ["x"] })), 0);
    assert_eq!(count(serde_json::json!({})), 1);
    assert_eq!(count(serde_json::json!({ "a": 0, "b": [], "c": 1 })), 3);
    assert_eq!(count(serde_json::json!({ "a": "1", "b": ["y"] })), 2);
}
