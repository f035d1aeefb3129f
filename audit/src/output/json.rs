//! For programs.

use serde_json::{Value, json};

use crate::finding::{Finding, Safety};
use crate::place::Texts;
use crate::report::Report;

/// The name of the form, with its version.
pub const JSON_SCHEMA: &str = "perry-sandbox/audit/v1";

impl Report {
    /// The report as JSON: positions from 1, byte offsets from 0.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self.findings.iter().map(|found| finding(found, &self.texts)).collect();
        let exposures: Vec<Value> = self
            .exposures
            .iter()
            .map(|one| {
                let file = self.texts.name(one.file);
                json!({ "target": one.target, "file": file, "exposure": one.exposure, "open": one.open })
            })
            .collect();
        json!({
            "schema": JSON_SCHEMA,
            "version": env!("CARGO_PKG_VERSION"),
            "findings": findings,
            "summary": self.summary(),
            "exposure": exposures,
        })
    }
}

fn place(place: crate::place::Place, texts: &Texts) -> Value {
    let (start, end) = (texts.position(place), texts.end_position(place));
    json!({
        "file": texts.name(place.file),
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "start": place.start,
        "end": place.end,
    })
}

fn finding(finding: &Finding, texts: &Texts) -> Value {
    let mut object = place(finding.place, texts);
    let context = finding.context.iter().map(|(at, label)| {
        let mut object = place(*at, texts);
        add(&mut object, "label", json!(label));
        object
    });
    let fix = finding.fix.as_ref().map(|fix| {
        let edits = fix.edits.iter().map(|edit| {
            json!({ "file": texts.name(edit.place.file), "start": edit.place.start, "end": edit.place.end, "text": edit.text })
        });
        let (safety, breaks) = match fix.safety {
            Safety::Safe => ("safe", None),
            Safety::Unsafe(breaks) => ("unsafe", Some(breaks)),
        };
        json!({ "title": fix.title, "safety": safety, "breaks": breaks, "edits": edits.collect::<Vec<_>>() })
    });
    for (key, value) in [
        ("rule", json!(finding.rule.id)),
        ("slug", json!(finding.rule.slug)),
        ("title", json!(finding.rule.title)),
        ("severity", json!(finding.grade.as_str())),
        ("target", json!(finding.target)),
        ("message", json!(finding.message)),
        ("label", json!(finding.label)),
        ("context", Value::Array(context.collect())),
        ("help", json!(finding.help)),
        ("fix", json!(fix)),
        ("fingerprint", json!(finding.fingerprint(texts))),
        ("suppressed", json!(finding.suppressed)),
    ] {
        add(&mut object, key, value);
    }
    object
}

fn add(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
