use std::collections::HashMap;
use std::fmt::Write as _;

use super::rule::{Rule, RuleId, Schema, Types};
use crate::error::{Problem, Reason, Report, shown};
use crate::node::{Mapping, Node, Path, Value};

/// Checks a merged tree (short forms allowed) against the schema; every error is reported at its place.
pub(crate) fn check(root: &Node, report: &mut Report) {
    let Some((schema, top)) = Schema::standard().and_then(|schema| Some((schema, schema.top()?))) else {
        report.problem(Problem::nowhere(Reason::Unsupported, "the schema of this build cannot be read"));
        return;
    };
    Check { schema, problems: &mut report.problems }.node(root, top, &Path::top());
}

struct Check<'a> {
    schema: &'static Schema,
    problems: &'a mut Vec<Problem>,
}

impl Check<'_> {
    fn rule(&self, id: RuleId) -> Option<&'static Rule> {
        self.schema.rule(id)
    }

    fn node(&mut self, node: &Node, rule: &'static Rule, way: &Path<'_>) {
        if !rule.types.fit(node) {
            self.wrong_type(node, &rule.types, way);
            return;
        }
        if !rule.one_of.is_empty() {
            self.one_of(node, rule, way);
        }
        match &node.value {
            Value::Mapping(mapping) => self.mapping(node, mapping, rule, way),
            Value::Sequence(items) => self.sequence(items, rule, way),
            Value::Text(text) => self.text(node, text, rule, way),
            Value::Integer(number) => self.number(node, *number, rule, way),
            Value::Null | Value::Bool(_) | Value::Float(_) | Value::Timestamp(_) => {}
        }
    }

    fn wrong_type(&mut self, node: &Node, types: &Types, way: &Path<'_>) {
        let message = format!("{} must be {types}, not {}", named(way), node.kind());
        self.problems.push(Problem::new(Reason::SchemaType, node.span, message));
    }

    fn mapping(&mut self, node: &Node, mapping: &Mapping, rule: &'static Rule, way: &Path<'_>) {
        for (key, value) in mapping.iter() {
            let mut known = false;
            if let Some(rule) = rule.properties.get(&key.name).and_then(|id| self.rule(*id)) {
                known = true;
                self.node(value, rule, &way.below(&key.name));
            }
            for (pattern, id) in &rule.patterns {
                if pattern.fits(&key.name)
                    && let Some(rule) = self.rule(*id)
                {
                    known = true;
                    self.node(value, rule, &way.below(&key.name));
                }
            }
            if !known && rule.closed {
                let message = unknown_key(&key.name, rule, way);
                // Nobody reads the hundredth guess.
                let guesses = if self.problems.len() < 100 { usize::MAX } else { 0 };
                let names = rule.properties.keys().map(String::as_str).take(guesses);
                self.problems
                    .push(Problem::new(Reason::SchemaKey, key.span, message).did_you_mean(&key.name, names));
            }
        }
        for key in rule.required.iter().filter(|key| !mapping.contains(key)) {
            let message = format!("{} has no `{key}`", named(way));
            self.problems.push(Problem::new(Reason::SchemaKey, node.span, message));
        }
    }

    fn sequence(&mut self, items: &[Node], rule: &'static Rule, way: &Path<'_>) {
        if let Some(rule) = rule.items.and_then(|id| self.rule(id)) {
            for item in items {
                self.node(item, rule, &way.below(Path::ITEM));
            }
        }
        if !rule.unique {
            return;
        }
        let mut seen = HashMap::new();
        for item in items {
            let mut print = String::new();
            fingerprint(item, &mut print);
            if let Some(first) = seen.insert(print, item.span) {
                let message = format!("{} has the same item twice", named(way));
                self.problems
                    .push(Problem::new(Reason::InvalidValue, item.span, message).place(first, "here first"));
            }
        }
    }

    fn text(&mut self, node: &Node, text: &str, rule: &'static Rule, way: &Path<'_>) {
        if !rule.values.is_empty() && !rule.values.iter().any(|value| value == text) {
            let values: Vec<_> = rule.values.iter().map(|value| format!("`{value}`")).collect();
            let message =
                format!("{} must be one of {}, not `{}`", named(way), values.join(", "), shown(text));
            let values = rule.values.iter().map(String::as_str);
            self.problems
                .push(Problem::new(Reason::InvalidValue, node.span, message).did_you_mean(text, values));
        }
        if let Some(pattern) = rule.pattern.filter(|pattern| !pattern.fits(text)) {
            let message = format!("{} must {}, and is `{}`", named(way), pattern.wanted(), shown(text));
            self.problems.push(Problem::new(Reason::InvalidValue, node.span, message));
        }
    }

    fn number(&mut self, node: &Node, number: i64, rule: &'static Rule, way: &Path<'_>) {
        let limit = match (rule.minimum, rule.maximum) {
            (Some(minimum), _) if number < minimum => format!("at least {minimum}"),
            (_, Some(maximum)) if number > maximum => format!("at most {maximum}"),
            _ => return,
        };
        let message = format!("{} must be {limit}, not {number}", named(way));
        self.problems.push(Problem::new(Reason::InvalidValue, node.span, message));
    }

    /// Exactly one of the forms must fit. What is wrong is told of the form that was meant: the one of the value's type.
    fn one_of(&mut self, node: &Node, rule: &'static Rule, way: &Path<'_>) {
        let forms: Vec<&'static Rule> = rule.one_of.iter().filter_map(|id| self.rule(*id)).collect();
        let mut fitting = 0_usize;
        let mut nearest: Option<Vec<Problem>> = None;
        for form in forms.iter().filter(|form| form.types.fit(node)) {
            let mut problems = Vec::new();
            Check { schema: self.schema, problems: &mut problems }.node(node, form, way);
            if problems.is_empty() {
                fitting = fitting.saturating_add(1);
            } else if nearest.as_ref().is_none_or(|known| problems.len() < known.len()) {
                nearest = Some(problems);
            }
        }
        match (fitting, nearest) {
            (1, _) => {}
            (0, Some(problems)) => self.problems.extend(problems),
            (0, None) => {
                let types = forms.iter().fold(Types::default(), |all, form| all.with(&form.types));
                self.wrong_type(node, &types, way);
            }
            _ => {
                let message = format!("{} can be read in more than one way", named(way));
                self.problems.push(Problem::new(Reason::InvalidValue, node.span, message));
            }
        }
    }
}

/// The way in back-ticks, or words for the whole document.
fn named(way: &Path<'_>) -> String {
    let way = way.to_string();
    if way.is_empty() { "the document".to_owned() } else { format!("`{way}`") }
}

fn unknown_key(key: &str, rule: &Rule, way: &Path<'_>) -> String {
    let key = shown(key);
    if rule.properties.is_empty()
        && let Some((pattern, _)) = rule.patterns.first()
    {
        return format!("the name `{key}` in {} must {}", named(way), pattern.wanted());
    }
    format!("unknown key `{key}`: {} allows no additional properties", named(way))
}

/// A text that is equal for equal values: `1` and `1.0` are, the order of keys does not matter.
fn fingerprint(node: &Node, print: &mut String) {
    match &node.value {
        Value::Null => print.push('~'),
        Value::Bool(value) => print.push(if *value { '+' } else { '-' }),
        Value::Integer(number) => {
            let _ = write!(print, "{number};");
        }
        Value::Float(number) => {
            let _ = write!(print, "{number};");
        }
        Value::Timestamp(text) | Value::Text(text) => {
            let _ = write!(print, "{}:{text}", text.len());
        }
        Value::Sequence(items) => {
            print.push('[');
            for item in items {
                fingerprint(item, print);
            }
            print.push(']');
        }
        Value::Mapping(mapping) => {
            let mut entries: Vec<_> = mapping.iter().collect();
            entries.sort_by(|a, b| a.0.name.cmp(&b.0.name));
            print.push('{');
            for (key, value) in entries {
                let _ = write!(print, "{}:{}", key.name.len(), key.name);
                fingerprint(value, print);
            }
            print.push('}');
        }
    }
}
