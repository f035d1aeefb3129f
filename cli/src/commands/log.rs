//! `log show` and `log verify`.

use perry_sandbox_runner::{Trail, Verified};
use serde_json::{Value, json};

use perry_sandbox_pipeline::Environment;

use crate::args::{LogArgs, LogCommand};
use crate::exit::Exit;
use crate::output;

/// Runs the subcommand.
pub(crate) fn log(args: &LogArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let trail = Trail::open(&environment.data_dir.join("trail"))?;
    match args.command {
        LogCommand::Show { tail, json } => show(&trail, tail, json),
        LogCommand::Verify { json } => verify(&trail, json),
    }
}

fn show(trail: &Trail, count: usize, as_json: bool) -> anyhow::Result<Exit> {
    let lines = trail.lines()?;
    let last = lines.get(lines.len().saturating_sub(count)..).unwrap_or_default();
    if last.is_empty() {
        output::note("the trail has no entries");
    } else if as_json {
        output::result(&last.join("\n"));
    } else {
        output::result(&last.iter().map(|line| describe(line)).collect::<Vec<_>>().join("\n"));
    }
    Ok(Exit::Done)
}

fn verify(trail: &Trail, as_json: bool) -> anyhow::Result<Exit> {
    let verified = trail.verify()?;
    let (exit, text) = match &verified {
        Verified::Whole { lines } => (Exit::Done, format!("{lines} entries, every link holds")),
        Verified::Broken(broken) => (Exit::Differs, format!("BROKEN: {broken}")),
    };
    if as_json {
        output::json(&json!({ "schema": "perry-sandbox/log-verify/v1", "result": verified }))?;
    } else {
        output::result(&text);
    }
    Ok(exit)
}

/// One line for people: when, what, who.
fn describe(line: &str) -> String {
    let Ok(entry) = serde_json::from_str::<Value>(line) else { return format!("unreadable  {line}") };
    let what = match text(&entry, "event") {
        "decision" => decision(&entry),
        "run-start" => format!(
            "started  {} at tier {} by {}, image {}, signed by {}",
            capability(&entry),
            text(&entry, "tier"),
            text(&entry, "backend"),
            text(&entry, "manifest"),
            signers(&entry)
        ),
        "run-again" => {
            format!(
                "again    what entry {} started, restart {}",
                number(&entry, "started"),
                number(&entry, "restarts")
            )
        }
        "run-end" => format!("ended    what entry {} started: {}", number(&entry, "started"), end(&entry)),
        other => other.to_owned(),
    };
    format!("{:>6}  {}  {what}", number(&entry, "sequence"), text(&entry, "time"))
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or("-")
}

fn number(entry: &Value, name: &str) -> i64 {
    entry.get(name).and_then(Value::as_i64).unwrap_or(0)
}

fn list<'a>(entry: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    entry.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn capability(entry: &Value) -> &str {
    entry.get("capability").and_then(Value::as_str).unwrap_or("an image by itself")
}

fn decision(entry: &Value) -> String {
    let allowed = entry.get("allowed") == Some(&Value::Bool(true));
    let codes: Vec<_> = list(entry, "reasons").filter_map(Value::as_str).collect();
    let answer = format!("{} {}", if allowed { "allowed " } else { "denied  " }, capability(entry));
    if codes.is_empty() { answer } else { format!("{answer}: {}", codes.join(" ")) }
}

/// Who signed, by the policy's name and by what was proved.
fn signers(entry: &Value) -> String {
    let signers: Vec<_> = list(entry, "signatures")
        .map(|signature| {
            let by = signature.get("by").unwrap_or(&Value::Null);
            let proved = match (by.get("key"), by.get("keyless")) {
                (Some(key), _) => format!(" (key {})", text(key, "fingerprint")),
                (None, Some(who)) => format!(" ({} by {})", text(who, "subject"), text(who, "issuer")),
                (None, None) => String::new(),
            };
            format!("{}{proved}", text(signature, "signer"))
        })
        .collect();
    if signers.is_empty() { "nobody".to_owned() } else { signers.join(", ") }
}

/// How it ended, or why it did not begin.
fn end(entry: &Value) -> String {
    if let Some(failure) = entry.get("failure").and_then(Value::as_str) {
        return format!("it did not run, {failure}");
    }
    let end = entry.get("end").unwrap_or(&Value::Null);
    let how = match (end.get("exited"), end.get("killed")) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "nothing is known of its end".to_owned(),
    };
    match entry.get("limit").and_then(Value::as_str) {
        Some(limit) => format!("{how}, at its {limit} limit"),
        None => how,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(entry: &Value, words: &str) {
        let line = describe(&entry.to_string());
        assert_eq!(line, format!("     7  2026-01-01T00:00:00Z  {words}"));
    }

    fn entry(mut of: Value) -> Value {
        of["sequence"] = json!(7);
        of["time"] = json!("2026-01-01T00:00:00Z");
        of
    }

    fn ended(end: &Value, limit: &Value, failure: &Value) -> Value {
        entry(json!({ "event": "run-end", "started": 3, "end": end, "limit": limit, "failure": failure }))
    }

    #[test]
    fn an_end_is_said_in_words() {
        let none = &Value::Null;
        says(&ended(&json!({"exited": 0}), none, none), "ended    what entry 3 started: exit code 0");
        says(
            &ended(&json!({"killed": 11}), none, none),
            "ended    what entry 3 started: killed by signal 11",
        );
        says(
            &ended(&json!({"killed": 9}), &json!("memory"), none),
            "ended    what entry 3 started: killed by signal 9, at its memory limit",
        );
        says(
            &ended(none, none, &json!("the image has no such program")),
            "ended    what entry 3 started: it did not run, the image has no such program",
        );
        says(&ended(none, none, none), "ended    what entry 3 started: nothing is known of its end");
    }

    #[test]
    fn a_start_names_who_signed_and_what_was_proved() {
        let start = |signatures: Value| {
            entry(json!({
                "event": "run-start", "capability": null, "tier": "isolated", "backend": "native 1", "manifest": "sha256:m",
                "signatures": signatures,
            }))
        };
        let begin = "started  an image by itself at tier isolated by native 1, image sha256:m, signed by";
        let key = json!({"signer": "release", "by": {"key": {"fingerprint": "sha256:k"}}, "log-index": null});
        let keyless = json!({"signer": "ci", "by": {"keyless": {"issuer": "https://i", "subject": "s"}}});
        // As entries were written before identities were.
        let old = json!({"signer": "old", "log-index": 1});
        says(
            &start(json!([key, keyless, old])),
            &format!("{begin} release (key sha256:k), ci (s by https://i), old"),
        );
        says(&start(json!([])), &format!("{begin} nobody"));
    }

    #[test]
    fn decisions_and_restarts_are_said_in_words() {
        let denied = json!({"event": "decision", "capability": "fmt", "allowed": false, "reasons": ["PSD203", "PSD204"]});
        says(&entry(denied), "denied   fmt: PSD203 PSD204");
        let allowed = json!({"event": "decision", "capability": null, "allowed": true, "reasons": []});
        says(&entry(allowed), "allowed  an image by itself");
        let again = json!({"event": "run-again", "started": 3, "restarts": 2});
        says(&entry(again), "again    what entry 3 started, restart 2");
        assert_eq!(describe("{"), "unreadable  {");
    }
}
