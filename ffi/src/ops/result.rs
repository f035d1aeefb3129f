//! How a run ended, as a value.

use std::time::Duration;

use perry_sandbox_policy::Evidence;
use perry_sandbox_runner::{End, Outcome};
use serde_json::{Value, json};

use crate::envelope::json;
use crate::fault::Fault;
use crate::streams::Encoding;

/// The result with its output.
pub(super) fn with_output(
    outcome: &Outcome,
    evidence: Option<&Evidence>,
    encoding: Encoding,
) -> Result<String, Fault> {
    let mut result = plain(outcome, evidence);
    if let Value::Object(fields) = &mut result {
        fields.insert("stdout".to_owned(), encoding.whole(&outcome.stdout).into());
        fields.insert("stderr".to_owned(), encoding.whole(&outcome.stderr).into());
    }
    json(&result)
}

/// The result without output.
pub(super) fn plain(outcome: &Outcome, evidence: Option<&Evidence>) -> Value {
    let (code, signal) = match outcome.end {
        End::Exited(code) => (Some(code), None),
        End::Killed(signal) => (None, Some(signal)),
    };
    let usage = &outcome.usage;
    let mut result = json!({
        "exitCode": code,
        "signal": signal,
        "limitHit": outcome.limit,
        "usage": {
            "wallMs": milliseconds(usage.wall),
            "userMs": milliseconds(usage.user),
            "systemMs": milliseconds(usage.system),
            "peakMemory": usage.peak_memory,
            "peakMeasured": usage.peak_measured,
        },
        "evidence": evidence.map(evidence_of),
        "planDigest": outcome.plan,
        "trail": outcome.trail.as_ref().and_then(|mark| serde_json::to_value(mark).map(camel).ok()),
    });
    if let (Some(egress), Value::Object(fields)) = (&outcome.egress, &mut result) {
        fields.insert("egress".to_owned(), serde_json::to_value(egress).map_or(Value::Null, camel));
    }
    result
}

/// What was proved.
pub(super) fn evidence_of(evidence: &Evidence) -> Value {
    // Plain data always has a JSON form.
    serde_json::to_value(evidence).map_or(Value::Null, camel)
}

/// Milliseconds with three places.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

/// Field names in the envelope's manner, `verifiedAt` for `verified-at`, at every level.
pub(super) fn camel(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().map(|(name, value)| (camel_name(&name), camel(value))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(camel).collect()),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

fn camel_name(name: &str) -> String {
    let mut words = name.split('-');
    let mut text = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_one_manner_at_every_level() {
        let value = json!({ "verified-at": 1, "by": [{ "signed-reference": "a-b" }] });
        assert_eq!(camel(value), json!({ "verifiedAt": 1, "by": [{ "signedReference": "a-b" }] }));
    }
}
