//! SARIF 2.1.0, for code scanning.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::finding::{Finding, SuppressedBy, TargetKind};
use crate::grade::{Grade, Severity};
use crate::place::{Place, Texts};
use crate::report::{Report, Verdict};
use crate::rule::Rule;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

impl Report {
    /// The report as one run of SARIF.
    pub fn to_sarif(&self, verdict: Verdict) -> Value {
        let mut rules: Vec<&'static Rule> = self.findings.iter().map(|finding| finding.rule).collect();
        rules.sort_by_key(|rule| rule.id);
        rules.dedup_by_key(|rule| rule.id);
        let results: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                let index = rules.binary_search_by_key(&finding.rule.id, |rule| rule.id).unwrap_or_default();
                result(finding, index, &self.texts)
            })
            .collect();
        let taxonomies = taxonomies(&rules);
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "perry-sandbox audit",
                    "version": env!("CARGO_PKG_VERSION"),
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "informationUri": env!("CARGO_PKG_REPOSITORY"),
                    "rules": rules.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
                    "supportedTaxonomies": [{ "name": "CWE" }, { "name": "CIS Docker Benchmark" }],
                } },
                "columnKind": "unicodeCodePoints",
                "invocations": [{
                    "executionSuccessful": verdict != Verdict::Ungraded,
                    "exitCode": verdict.code(),
                }],
                "results": results,
                "taxonomies": taxonomies,
            }],
        })
    }
}

const fn level(grade: Grade) -> &'static str {
    match grade.severity() {
        None | Some(Severity::Critical | Severity::High) => "error",
        Some(Severity::Medium) => "warning",
        Some(Severity::Low | Severity::Info) => "note",
    }
}

/// What code scanning orders by.
const fn number(grade: Grade) -> Option<&'static str> {
    match grade.severity() {
        None => None,
        Some(Severity::Critical) => Some("9.5"),
        Some(Severity::High) => Some("8.0"),
        Some(Severity::Medium) => Some("5.5"),
        Some(Severity::Low) => Some("3.0"),
        Some(Severity::Info) => Some("0.0"),
    }
}

fn descriptor(rule: &Rule) -> Value {
    let worst = rule.grades.first().copied().unwrap_or(Grade::Refused);
    let mut properties = json!({ "tags": ["security"], "precision": "high" });
    if let (Some(number), Some(properties)) = (number(worst), properties.as_object_mut()) {
        properties.insert("security-severity".to_owned(), json!(number));
    }
    let taxa = rule.cwe.iter().map(|cwe| relation(&format!("CWE-{cwe}"), "CWE"));
    let sections = rule.cis.iter().map(|section| relation(section, "CIS Docker Benchmark"));
    json!({
        "id": rule.id,
        "name": rule.slug,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.title },
        "help": { "text": rule.page, "markdown": rule.page },
        "defaultConfiguration": { "level": level(worst) },
        "properties": properties,
        "relationships": taxa.chain(sections).collect::<Vec<_>>(),
    })
}

fn relation(id: &str, taxonomy: &str) -> Value {
    json!({ "target": { "id": id, "toolComponent": { "name": taxonomy } }, "kinds": ["relevant"] })
}

fn taxonomies(rules: &[&'static Rule]) -> Value {
    let mut cwe: Vec<String> =
        rules.iter().flat_map(|rule| rule.cwe).map(|cwe| format!("CWE-{cwe}")).collect();
    let mut cis: Vec<String> =
        rules.iter().flat_map(|rule| rule.cis).map(|section| (*section).to_owned()).collect();
    for list in [&mut cwe, &mut cis] {
        list.sort();
        list.dedup();
    }
    let taxa = |ids: &[String]| -> Vec<Value> { ids.iter().map(|id| json!({ "id": id })).collect() };
    json!([
        { "name": "CWE", "organization": "MITRE", "shortDescription": { "text": "Common Weakness Enumeration" }, "taxa": taxa(&cwe) },
        { "name": "CIS Docker Benchmark", "version": "1.6", "organization": "CIS", "shortDescription": { "text": "CIS Docker Benchmark" }, "taxa": taxa(&cis) },
    ])
}

/// A file's name as a relative or absolute URI.
pub(super) fn uri(name: &str) -> String {
    let mut uri = String::from(if name.starts_with('/') { "file://" } else { "" });
    for byte in name.trim_start_matches("./").bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
    uri
}

fn physical(place: Place, texts: &Texts) -> Value {
    let (start, end) = (texts.position(place), texts.end_position(place));
    json!({
        "artifactLocation": { "uri": uri(texts.name(place.file)) },
        "region": {
            "startLine": start.line,
            "startColumn": start.column,
            "endLine": end.line,
            "endColumn": end.column,
            "byteOffset": place.start,
            "byteLength": place.end.saturating_sub(place.start),
        },
    })
}

fn result(finding: &Finding, index: usize, texts: &Texts) -> Value {
    let related = finding.context.iter().map(
        |(place, label)| json!({ "physicalLocation": physical(*place, texts), "message": { "text": label } }),
    );
    let kind = match finding.target.kind {
        TargetKind::File => "resource",
        _ => "object",
    };
    let mut result = json!({
        "ruleId": finding.rule.id,
        "ruleIndex": index,
        "level": level(finding.grade),
        "message": { "text": format!("{}. {}", finding.message, finding.help) },
        "locations": [{
            "physicalLocation": physical(finding.place, texts),
            "logicalLocations": [{
                "name": finding.target.name,
                "kind": kind,
                "fullyQualifiedName": format!("{} {}", finding.target.kind.as_str(), finding.target.name),
            }],
        }],
        "relatedLocations": related.collect::<Vec<_>>(),
        "partialFingerprints": { "perrySandboxFinding/v1": finding.fingerprint(texts) },
        "properties": { "severity": finding.grade.as_str() },
    });
    let suppressions = finding.suppressed.as_ref().map(|suppressed| {
        let kind = if suppressed.by == SuppressedBy::Comment { "inSource" } else { "external" };
        json!([{ "kind": kind, "status": "accepted", "justification": suppressed.reason }])
    });
    if let Some(object) = result.as_object_mut() {
        object.extend(suppressions.map(|list| ("suppressions".to_owned(), list)));
        object.extend(fixes(finding, texts).map(|list| ("fixes".to_owned(), list)));
    }
    result
}

fn fixes(finding: &Finding, texts: &Texts) -> Option<Value> {
    let fix = finding.fix.as_ref()?;
    let replacements = fix.edits.iter().map(|edit| {
        json!({
            "deletedRegion": physical(edit.place, texts).get("region"),
            "insertedContent": { "text": edit.text },
        })
    });
    let file = fix.edits.first()?.place.file;
    Some(json!([{
        "description": { "text": fix.title },
        "artifactChanges": [{
            "artifactLocation": { "uri": uri(texts.name(file)) },
            "replacements": replacements.collect::<Vec<_>>(),
        }],
    }]))
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn names_become_uris() {
        assert_eq!(uri("./a b/ü.yaml"), "a%20b/%C3%BC.yaml");
        assert_eq!(uri("/p/a.yaml"), "file:///p/a.yaml");
        assert_eq!(uri("<command line>"), "%3Ccommand%20line%3E");
    }
}
