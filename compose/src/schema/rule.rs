use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::Value as Json;

use super::pattern::Pattern;
use crate::node::{Node, Value};

static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::read(include_str!("compose-spec.json")));

/// The rules, each named by its place in the list.
#[derive(Debug, Default)]
pub(super) struct Schema {
    rules: Vec<Rule>,
    top: RuleId,
}

/// A rule's place in the list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct RuleId(usize);

/// What a part of a tree must be.
#[derive(Debug, Default)]
pub(super) struct Rule {
    pub(super) types: Types,
    pub(super) properties: HashMap<String, RuleId>,
    pub(super) patterns: Vec<(Pattern, RuleId)>,
    /// Whether keys that no rule names are refused.
    pub(super) closed: bool,
    pub(super) required: Vec<String>,
    pub(super) items: Option<RuleId>,
    pub(super) unique: bool,
    pub(super) one_of: Vec<RuleId>,
    pub(super) values: Vec<String>,
    pub(super) pattern: Option<Pattern>,
    pub(super) minimum: Option<i64>,
    pub(super) maximum: Option<i64>,
}

/// The types that a rule allows; none named: all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Types(Vec<Type>);

/// JSON's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    /// A list.
    Array,
    /// A truth value.
    Boolean,
    /// A whole number, `2.0` too.
    Integer,
    /// Nothing.
    Null,
    /// Any number.
    Number,
    /// A mapping.
    Object,
    /// A text.
    String,
}

impl Type {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "array" => Self::Array,
            "boolean" => Self::Boolean,
            "integer" => Self::Integer,
            "null" => Self::Null,
            "number" => Self::Number,
            "object" => Self::Object,
            "string" => Self::String,
            _ => return None,
        })
    }

    fn fits(self, value: &Value) -> bool {
        match value {
            Value::Null => self == Self::Null,
            Value::Bool(_) => self == Self::Boolean,
            Value::Integer(_) => matches!(self, Self::Integer | Self::Number),
            Value::Float(number) => {
                self == Self::Number || (self == Self::Integer && number.fract().abs() <= 0.0)
            }
            Value::Timestamp(_) => false,
            Value::Text(_) => self == Self::String,
            Value::Sequence(_) => self == Self::Array,
            Value::Mapping(_) => self == Self::Object,
        }
    }

    /// The word for a message.
    const fn word(self) -> &'static str {
        match self {
            Self::Array => "a list",
            Self::Boolean => "a boolean",
            Self::Integer => "a whole number",
            Self::Null => "nothing",
            Self::Number => "a number",
            Self::Object => "a mapping",
            Self::String => "text",
        }
    }
}

impl Types {
    /// Whether a value has one of the types.
    pub(super) fn fit(&self, node: &Node) -> bool {
        self.0.is_empty() || self.0.iter().any(|kind| kind.fits(&node.value))
    }

    /// All of them and `others`.
    pub(super) fn with(mut self, others: &Self) -> Self {
        self.0.extend(&others.0);
        self.0.sort_unstable();
        self.0.dedup();
        self
    }
}

impl std::fmt::Display for Types {
    /// `a list, a mapping or text`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, kind) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(if at.saturating_add(1) == self.0.len() { " or " } else { ", " })?;
            }
            f.write_str(kind.word())?;
        }
        Ok(())
    }
}

impl Schema {
    /// The standard's schema. Nothing if it cannot be read, which a test excludes.
    pub(super) fn standard() -> Option<&'static Self> {
        SCHEMA.as_ref()
    }

    /// The rule for a whole document.
    pub(super) fn top(&self) -> Option<&Rule> {
        self.rule(self.top)
    }

    /// A rule.
    pub(super) fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.0)
    }

    /// Reads a schema; nothing if it uses a keyword or a pattern that is not known here.
    fn read(text: &str) -> Option<Self> {
        let json: Json = serde_json::from_str(text).ok()?;
        let mut reader =
            Reader { schema: Self::default(), named: BTreeMap::new(), definitions: json.get("definitions")? };
        let top = reader.rule(&json)?;
        reader.schema.top = top;
        Some(reader.schema)
    }
}

struct Reader<'a> {
    schema: Schema,
    named: BTreeMap<&'a str, RuleId>,
    definitions: &'a Json,
}

impl<'a> Reader<'a> {
    fn rule(&mut self, json: &'a Json) -> Option<RuleId> {
        if let Some(reference) = json.get("$ref") {
            let name = reference.as_str()?.strip_prefix("#/definitions/")?;
            if let Some(known) = self.named.get(name) {
                return Some(*known);
            }
            let id = self.rule(self.definitions.get(name)?)?;
            self.named.insert(name, id);
            return Some(id);
        }
        let mut rule = Rule::default();
        for (keyword, value) in json.as_object()? {
            self.keyword(&mut rule, keyword, value)?;
        }
        let id = RuleId(self.schema.rules.len());
        self.schema.rules.push(rule);
        Some(id)
    }

    fn keyword(&mut self, rule: &mut Rule, keyword: &str, value: &'a Json) -> Option<()> {
        match keyword {
            "$schema" | "$id" | "title" | "description" | "deprecated" | "default" | "definitions" => {}
            "type" => rule.types = types(value)?,
            "properties" => {
                for (name, json) in value.as_object()? {
                    let id = self.rule(json)?;
                    rule.properties.insert(name.clone(), id);
                }
            }
            "patternProperties" => {
                for (pattern, json) in value.as_object()? {
                    let id = self.rule(json)?;
                    rule.patterns.push((Pattern::of(pattern)?, id));
                }
            }
            "additionalProperties" => rule.closed = !value.as_bool()?,
            "required" => rule.required = texts(value)?,
            "items" => rule.items = Some(self.rule(value)?),
            "uniqueItems" => rule.unique = value.as_bool()?,
            "oneOf" => {
                rule.one_of = value.as_array()?.iter().map(|json| self.rule(json)).collect::<Option<_>>()?;
            }
            "enum" => rule.values = texts(value)?,
            "pattern" => rule.pattern = Some(Pattern::of(value.as_str()?)?),
            "minimum" => rule.minimum = Some(value.as_i64()?),
            "maximum" => rule.maximum = Some(value.as_i64()?),
            _ => return None,
        }
        Some(())
    }
}

fn types(value: &Json) -> Option<Types> {
    let named = match value {
        Json::String(name) => vec![Type::of(name)?],
        Json::Array(names) => names.iter().map(|name| Type::of(name.as_str()?)).collect::<Option<_>>()?,
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => return None,
    };
    Some(Types::default().with(&Types(named)))
}

fn texts(value: &Json) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}
