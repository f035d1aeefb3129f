//! `config --diff`: what each of several files changes of what those before it say.

use std::collections::BTreeSet;

use perry_sandbox_compose::{Options, Project, Request, load};
use perry_sandbox_stack::Disk;
use serde_json::{Map, Value, json};

use crate::args::Format;
use crate::output::{self, Failure};
use crate::redact::is_secret;

/// What is hidden is shown as this.
const HIDDEN: &str = "********";
/// The longest value that is shown.
const LONGEST: usize = 200;

/// A value that is not as it was.
#[derive(Debug, Clone, PartialEq)]
struct Change {
    path: String,
    before: Option<Value>,
    after: Option<Value>,
}

/// Prints what each file but the first changes.
pub(crate) fn print(request: &Request, format: Option<Format>, reveal: bool) -> Result<(), Failure> {
    // What only all files together are right about is not asked of some of them.
    let options = Options { check_consistency: false, resolve_environment: false, ..request.options };
    let whole = load(&Request { options, ..request.clone() }, &Disk::of(request))?;
    output::warnings(&whole.warnings, &whole.sources);
    let folder = Some(whole.folder.clone());
    let name = Some(whole.name.clone()).filter(|name| !name.is_empty());
    let mut steps: Vec<(&str, Vec<Change>)> = Vec::new();
    let mut before: Option<Value> = None;
    for (count, file) in (1..).zip(&whole.files) {
        let files = whole.files.iter().take(count).cloned().collect();
        let part = Request {
            files,
            project_directory: folder.clone(),
            project_name: name.clone(),
            options,
            ..request.clone()
        };
        let after = said(&part)?;
        if let Some(before) = &before {
            let mut changes = Vec::new();
            compare((Some(before), Some(&after)), &mut Vec::new(), &mut changes, reveal);
            steps.push((file, changes));
        }
        before = Some(after);
    }
    if format == Some(Format::Json) {
        return output::lines([as_json(&steps).to_string()]);
    }
    output::lines(in_words(&steps, whole.files.first()).iter().map(|line| output::printable(line)))
}

/// What these files say together.
fn said(request: &Request) -> Result<Value, Failure> {
    let disk = Disk::of(request);
    let project = Project::new(load(request, &disk)?, request.options, &disk)?;
    serde_json::from_str(&project.to_json()?).map_err(|error| Failure::Output(error.into()))
}

/// Every value that is in one and not in the other, as deep as both are of one kind.
fn compare(
    (before, after): (Option<&Value>, Option<&Value>),
    path: &mut Vec<String>,
    changes: &mut Vec<Change>,
    reveal: bool,
) {
    match (before, after) {
        (before, after) if before == after => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                path.push(key.clone());
                compare((one.get(key), other.get(key)), path, changes, reveal);
                path.pop();
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for number in 0..one.len().max(other.len()) {
                path.push(number.to_string());
                compare((one.get(number), other.get(number)), path, changes, reveal);
                path.pop();
            }
        }
        _ => {
            let hides = !reveal && path.iter().any(|part| is_secret(part));
            let shown = |value: Option<&Value>| value.map(|value| shown(value, hides, reveal));
            changes.push(Change { path: path.join("."), before: shown(before), after: shown(after) });
        }
    }
}

/// The value, without what looks secret.
fn shown(value: &Value, hides: bool, reveal: bool) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let hides = hides || !reveal && is_secret(key);
                (key.clone(), shown(value, hides, reveal))
            });
            Value::Object(entries.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| shown(item, hides, reveal)).collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) if hides => HIDDEN.into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn as_json(steps: &[(&str, Vec<Change>)]) -> Value {
    let change = |one: &Change| json!({ "path": one.path, "before": one.before, "after": one.after });
    let step = |(file, changes): &(&str, Vec<Change>)| json!({ "file": file, "changes": changes.iter().map(change).collect::<Vec<_>>() });
    steps.iter().map(step).collect()
}

fn in_words(steps: &[(&str, Vec<Change>)], first: Option<&String>) -> Vec<String> {
    if steps.is_empty() {
        let only = first.map_or("", String::as_str);
        return vec![format!("{only} is the only file")];
    }
    let mut lines = Vec::new();
    for (file, changes) in steps {
        lines.push((*file).to_owned());
        if changes.is_empty() {
            lines.push("  changes nothing".to_owned());
        }
        lines.extend(changes.iter().map(|change| match (&change.before, &change.after) {
            (Some(before), Some(after)) => {
                format!("  ~ {}: {} -> {}", change.path, text(before), text(after))
            }
            (None, Some(after)) => format!("  + {}: {}", change.path, text(after)),
            (before, None) => {
                format!("  - {}: {}", change.path, before.as_ref().map(text).unwrap_or_default())
            }
        }));
    }
    lines
}

/// A value on one line.
fn text(value: &Value) -> String {
    let whole = value.to_string();
    let mut short: String = whole.chars().take(LONGEST).collect();
    if short.len() < whole.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(before: &Value, after: &Value, reveal: bool) -> Vec<String> {
        let mut changes = Vec::new();
        compare((Some(before), Some(after)), &mut Vec::new(), &mut changes, reveal);
        in_words(&[("b.yaml", changes)], None)
    }

    #[test]
    fn each_value_that_is_another_is_told_where_it_is() {
        let before = json!({ "services": { "web": { "image": "a:1", "ports": [1, 2], "user": "7" } } });
        let after = json!({ "services": { "web": { "image": "a:2", "ports": [1], "tty": true } } });
        let wanted = [
            "b.yaml",
            "  ~ services.web.image: \"a:1\" -> \"a:2\"",
            "  - services.web.ports.1: 2",
            "  + services.web.tty: true",
            "  - services.web.user: \"7\"",
        ];
        assert_eq!(changes(&before, &after, false), wanted);
        assert_eq!(changes(&after, &after, false), ["b.yaml", "  changes nothing"]);
    }

    #[test]
    fn what_looks_secret_is_hidden_unless_it_is_asked_for() {
        let before = json!({ "a": { "DB_PASSWORD": "one" } });
        let after = json!({ "a": { "DB_PASSWORD": "two", "more": { "API_TOKEN": "three", "n": 1 } } });
        let hidden = changes(&before, &after, false).join("\n");
        assert!(!["one", "two", "three"].iter().any(|value| hidden.contains(value)), "{hidden}");
        assert!(hidden.contains("a.DB_PASSWORD") && hidden.contains("\"n\":1"), "{hidden}");
        assert!(changes(&before, &after, true).join("\n").contains("\"two\""));
    }

    #[test]
    fn a_long_value_is_cut() {
        assert!(text(&json!("x".repeat(9_000))).chars().count() == LONGEST + 1);
    }
}
