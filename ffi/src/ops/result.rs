//! How a run ended, as a value.

use std::time::Duration;

use perry_sandbox_policy::Evidence;
use perry_sandbox_runner::{EgressUse, End, Outcome};
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
        fields.insert("egress".to_owned(), egress_of(egress));
    }
    result
}

/// What was done with an egress grant.
fn egress_of(egress: &EgressUse) -> Value {
    serde_json::to_value(egress).map_or(Value::Null, camel)
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
    use std::collections::BTreeSet;

    use perry_sandbox_policy::{
        Authority, BuildFacts, Claim, LogEntry, SignatureFormat, TimeSource, Trial, TrialOutcome,
        TrialReason, VerifiedIdentity, VerifiedSignature, VerifiedTime,
    };
    use perry_sandbox_reference::{Digest, Platform};
    use perry_sandbox_runner::{EgressReason, EgressRefusal};
    use perry_sandbox_testkit::wit::{Interface, Seen, Shape};

    use super::*;

    /// Holds values against a record of `perry/wit`, which together show all of it.
    fn are_described(record: &str, values: &[Value]) {
        let shape = Shape::Record(Interface::of_perry().records[record].clone());
        let (mut seen, mut wrong) = (Seen::default(), Vec::new());
        for value in values {
            shape.check(value, record, &mut seen, &mut wrong);
        }
        assert_eq!((wrong, seen.missing([shape].iter())), (Vec::<String>::new(), BTreeSet::new()));
    }

    fn text() -> String {
        "a".to_owned()
    }

    /// A signature with all that it can have.
    fn by_an_identity() -> VerifiedSignature {
        let authority =
            Authority { organization: Some(text()), common_name: Some(text()), uri: Some(text()) };
        let log = LogEntry { log_id: text(), index: 1, url: Some(text()) };
        VerifiedSignature {
            by: VerifiedIdentity::Keyless { issuer: text(), subject: "b".to_owned() },
            claims: vec![Claim { name: text(), value: "b".to_owned() }],
            authority: Some(authority.clone()),
            times: vec![
                VerifiedTime::new(TimeSource::Log, 1),
                VerifiedTime {
                    authority: Some(authority),
                    ..VerifiedTime::new(TimeSource::TimestampAuthority, 2)
                },
            ],
            log: Some(log),
            root: Some(("public".parse().unwrap(), Digest::of(b"root"))),
            signed_reference: Some(text()),
            serial: Some(text()),
            build: Some(BuildFacts {
                builder: Some(text()),
                source: Some(text()),
                source_ref: Some(text()),
                build_type: Some(text()),
            }),
            ..by_a_key()
        }
    }

    /// A signature with nothing that it need not have.
    fn by_a_key() -> VerifiedSignature {
        VerifiedSignature {
            signer: "own".parse().unwrap(),
            signed: Digest::of(b"image"),
            format: SignatureFormat::Bundle,
            object: Digest::of(b"object"),
            by: VerifiedIdentity::Key { fingerprint: Digest::of(b"key") },
            claims: Vec::new(),
            authority: None,
            times: Vec::new(),
            log: None,
            root: None,
            signed_reference: None,
            serial: None,
            build: None,
        }
    }

    fn evidence(signatures: Vec<VerifiedSignature>) -> Evidence {
        let digest = Digest::of(b"image");
        Evidence {
            top: digest.clone(),
            manifest: digest.clone(),
            config: digest.clone(),
            platform: Platform::host(),
            path: vec![digest.clone()],
            repository: None,
            rule: None,
            signatures,
            provenance: None,
            requirement: digest,
            verified_at: 1,
            not_checked: vec![text()],
            trial: None,
        }
    }

    #[test]
    fn evidence_with_all_that_it_can_have_and_without_is_as_described() {
        let less = VerifiedSignature {
            authority: Some(Authority::default()),
            log: Some(LogEntry { log_id: text(), index: 1, url: None }),
            build: Some(BuildFacts::default()),
            ..by_a_key()
        };
        let full = Evidence {
            repository: Some("r.example/a".parse().unwrap()),
            rule: Some("rule".parse().unwrap()),
            provenance: Some(by_an_identity()),
            trial: Some(Trial {
                outcome: TrialOutcome::NotMet,
                reasons: vec![TrialReason { code: "PSV1".to_owned(), text: text() }],
            }),
            ..evidence(vec![by_an_identity(), by_a_key(), less])
        };
        are_described("evidence", &[evidence_of(&full), evidence_of(&evidence(vec![by_a_key()]))]);
    }

    #[test]
    fn what_was_done_with_an_egress_grant_is_as_described() {
        let refusal = |to| EgressRefusal { to, reason: EgressReason::NotGranted };
        let refusals = vec![refusal(Some(text())), refusal(None)];
        are_described("egress-use", &[egress_of(&EgressUse { allowed: 1, refused: 2, refusals })]);
    }

    #[test]
    fn names_are_in_one_manner_at_every_level() {
        let value = json!({ "verified-at": 1, "by": [{ "signed-reference": "a-b" }] });
        assert_eq!(camel(value), json!({ "verifiedAt": 1, "by": [{ "signedReference": "a-b" }] }));
    }
}
