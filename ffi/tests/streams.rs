//! Output that is read while the program runs.

use serde_json::{Value, json};

use crate::support::{Own, PATIENCE, engine, open, with};

fn start(own: &Own, args: &[&str], more: Value) -> String {
    let args = with(json!({ "capability": own.busybox(args) }), more);
    own.call("open", &args).unwrap()["stream"].as_str().unwrap().to_owned()
}

/// Everything that comes: standard output, standard error, and the last event's result.
fn drain(own: &Own, stream: &str, most: u64) -> (String, String, Value) {
    let (mut out, mut error) = (String::new(), String::new());
    loop {
        let event = own.call("next", &json!({ "stream": stream, "max": most })).unwrap();
        let data = event["data"].as_str().unwrap_or_default();
        match event["event"].as_str().unwrap() {
            "stdout" => out.push_str(data),
            "stderr" => error.push_str(data),
            _ => return (out, error, event["result"].clone()),
        }
    }
}

#[test]
pub(crate) fn events_come_while_the_program_runs_and_the_last_one_is_the_result() {
    let own = engine();
    let stream = start(
        &own,
        &["sh", "-c", "echo one; read line; echo two >&2; exit 7"],
        json!({ "stdinStream": true }),
    );
    let first = own.call("next", &json!({ "stream": stream })).unwrap();
    assert_eq!(first, json!({ "event": "stdout", "data": "one\n" }), "before it has read anything");
    assert_eq!(own.call("write", &json!({ "stream": stream, "data": "go\n" })).unwrap(), json!({}));
    let (out, error, result) = drain(&own, &stream, 65_536);
    assert_eq!((out.as_str(), error.as_str(), &result["exitCode"]), ("", "two\n", &json!(7)));
    assert!(result.get("stdout").is_none() && result["planDigest"].is_string(), "{result}");
    assert_eq!(own.call("next", &json!({ "stream": stream })).unwrap_err()["code"], "STREAM");
    assert_eq!(own.call("write", &json!({ "stream": stream, "data": "x" })).unwrap_err()["code"], "STREAM");
    assert_eq!(own.sync("cancel", &json!({ "stream": stream })).unwrap()["cancelled"], false);
}

#[test]
pub(crate) fn what_is_written_comes_back_and_the_end_of_input_ends_the_program() {
    let own = engine();
    let stream = start(&own, &["cat"], json!({ "stdinStream": true }));
    let large = "0123456789abcdef".repeat(64 << 10);
    let (write, written) = own.begin("write", &json!({ "stream": stream, "data": large, "end": true }));
    let (out, _, result) = drain(&own, &stream, 1 << 20);
    assert_eq!(open(&write, &written.recv_timeout(PATIENCE).unwrap()).unwrap(), json!({}));
    assert!(out == large, "{} of {} bytes came back", out.len(), large.len());
    assert_eq!(result["exitCode"], 0);
}

#[test]
fn characters_are_whole_at_any_size_of_event() {
    let own = engine();
    let text = "a\u{e4}\u{20ac}\u{1f600}".repeat(50);
    for most in [4, 5, 7, 64] {
        let stream = start(&own, &["cat"], json!({ "stdin": text }));
        assert_eq!(drain(&own, &stream, most).0, text);
    }
}

#[test]
fn binary_output_is_whole_as_base64_and_marked_as_text() {
    let own = engine();
    let program = r"printf '\377\000\200'";
    let stream = start(&own, &["sh", "-c", program], json!({ "encoding": "base64" }));
    assert_eq!(drain(&own, &stream, 1024).0, "/wCA");
    let stream = start(&own, &["sh", "-c", program], json!({}));
    assert_eq!(drain(&own, &stream, 1024).0, "\u{fffd}\0\u{fffd}");
}

#[test]
fn a_slow_reader_gets_everything() {
    let own = engine();
    let stream = start(&own, &["sh", "-c", "busybox seq 1 200000"], json!({}));
    // It has long ended when the first event is asked for; what it wrote waits.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(2);
    while std::time::Instant::now() < deadline {
        std::thread::yield_now();
    }
    let (out, _, result) = drain(&own, &stream, 1 << 20);
    assert_eq!(result["exitCode"], 0, "{result}");
    assert_eq!(out.lines().count(), 200_000);
    assert!(out.ends_with("\n200000\n"));
}

#[test]
fn a_cancel_ends_the_program_and_whoever_waits() {
    let own = engine();
    let stream = start(&own, &["sleep", "1000"], json!({}));
    let (id, waiting) = own.begin("next", &json!({ "stream": stream }));
    assert_eq!(own.sync("cancel", &json!({ "stream": stream })).unwrap()["cancelled"], true);
    assert_eq!(open(&id, &waiting.recv_timeout(PATIENCE).unwrap()).unwrap_err()["code"], "CANCELLED");
    let error = own.call("next", &json!({ "stream": stream })).unwrap_err();
    assert!(error["code"] == "STREAM" || error["code"] == "CANCELLED", "{error}");
    let stream = start(&own, &["yes"], json!({}));
    assert!(own.call("next", &json!({ "stream": stream })).is_ok());
    assert_eq!(own.sync("cancel", &json!({ "stream": stream })).unwrap()["cancelled"], true);
    own.sync("close", &json!({})).unwrap();
}

#[test]
fn a_refusal_is_the_error_of_open_and_a_program_that_is_not_there_of_the_first_event() {
    let own = engine();
    let wish = with(own.busybox(&[]), json!({ "env": { "LD_PRELOAD": "x" } }));
    assert_eq!(own.call("open", &json!({ "capability": wish })).unwrap_err()["code"], "DENIED");
    let wish = with(own.busybox(&[]), json!({ "name": "missing", "args": null }));
    let stream = own.call("open", &json!({ "capability": wish })).unwrap()["stream"].clone();
    let error = own.call("next", &json!({ "stream": stream })).unwrap_err();
    assert_eq!(error["code"], "PROGRAM_NOT_FOUND", "{error}");
    assert_eq!(own.call("next", &json!({ "stream": stream })).unwrap_err()["code"], "STREAM");
}

#[test]
fn waiters_hold_no_thread() {
    let own = engine();
    let stream = start(&own, &["sleep", "1000"], json!({}));
    let waiting: Vec<_> = (0..500).map(|_| own.begin("next", &json!({ "stream": stream }))).collect();
    assert_eq!(own.call("runCapability", &own.busybox(&["true"])).unwrap()["exitCode"], 0);
    own.sync("cancel", &json!({ "stream": stream })).unwrap();
    for (id, reply) in waiting {
        assert_eq!(open(&id, &reply.recv_timeout(PATIENCE).unwrap()).unwrap_err()["code"], "CANCELLED");
    }
}
