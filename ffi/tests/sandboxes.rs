//! Sandboxes that go on when the call has been answered.

use serde_json::{Value, json};

use crate::support::{Own, PATIENCE, engine, open, with};

/// Makes a sandbox and starts it; its id.
fn run(own: &Own, args: &[&str], more: Value) -> String {
    let args = with(json!({ "capability": own.busybox(args) }), more);
    own.call("sandboxRun", &args).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Takes it away, also when a test fails before its end.
struct Removed<'a>(&'a Own, String);

impl Drop for Removed<'_> {
    fn drop(&mut self) {
        drop(self.0.call("sandboxRemove", &json!({ "id": self.1, "force": true })));
    }
}

#[test]
pub(crate) fn a_sandbox_goes_from_its_start_to_its_removal() {
    let own = engine();
    let id = run(
        &own,
        &["sh", "-c", "echo out; echo err >&2; exit 3"],
        json!({ "labels": { "test": "whole-way" } }),
    );
    let removed = Removed(&own, id.clone());
    let this = json!({ "id": id });
    let end = own.call("sandboxWait", &this).unwrap();
    assert_eq!((&end["exitCode"], &end["signal"]), (&json!(3), &Value::Null));
    let info = own.call("sandboxInspect", &this).unwrap();
    assert_eq!((&info["status"], &info["exitCode"]), (&json!("exited"), &json!(3)), "{info}");
    assert_eq!(info["labels"], json!({ "test": "whole-way" }));
    assert!(info["planDigest"].as_str().unwrap().starts_with("sha256:"));
    let logs = own.call("sandboxLogs", &this).unwrap();
    assert_eq!(logs, json!({ "stdout": "out\n", "stderr": "err\n" }));
    let all = json!({ "all": true, "labels": { "test": "whole-way" } });
    let listed = own.call("sandboxList", &all).unwrap();
    assert!(listed.as_array().unwrap().iter().any(|info| info["id"] == id), "{listed}");
    assert_eq!(own.call("sandboxRemove", &this).unwrap(), json!({}));
    assert_eq!(own.call("sandboxInspect", &this).unwrap_err()["code"], "NOT_FOUND");
    drop(removed);
}

#[test]
pub(crate) fn a_program_joins_and_a_stop_ends_it() {
    let own = engine();
    let created =
        own.call("sandboxCreate", &json!({ "capability": own.busybox(&["sleep", "1000"]) })).unwrap();
    let removed = Removed(&own, created["id"].as_str().unwrap().to_owned());
    let this = json!({ "id": created["id"] });
    assert_eq!(own.call("sandboxInspect", &this).unwrap()["status"], "created");
    assert_eq!(own.call("sandboxStart", &this).unwrap(), json!({}));
    let command = json!({ "command": ["/bin/busybox", "sh", "-c", "cat; exit 4"], "stdin": "joined" });
    let joined = own.call("sandboxExec", &with(this.clone(), command)).unwrap();
    assert_eq!((&joined["exitCode"], &joined["stdout"]), (&json!(4), &json!("joined")), "{joined}");
    let error = own.call("sandboxRemove", &this).unwrap_err();
    assert_eq!(error["code"], "CONFLICT", "one that runs is removed only by force: {error}");
    assert_eq!(own.call("sandboxStop", &with(this.clone(), json!({ "graceMs": 0 }))).unwrap(), json!({}));
    assert_eq!(own.call("sandboxInspect", &this).unwrap()["status"], "exited");
    drop(removed);
}

#[test]
pub(crate) fn a_wait_is_cancelled_without_the_sandbox() {
    let own = engine();
    let removed = Removed(&own, run(&own, &["sleep", "1000"], json!({})));
    let this = json!({ "id": removed.1 });
    let (wait, replies) = own.begin("sandboxWait", &this);
    assert_eq!(own.sync("cancel", &json!({ "id": wait })).unwrap()["cancelled"], true);
    assert_eq!(open(&wait, &replies.recv_timeout(PATIENCE).unwrap()).unwrap_err()["code"], "CANCELLED");
    assert_eq!(own.call("sandboxInspect", &this).unwrap()["status"], "running");
}

#[test]
fn what_the_policy_denies_or_nobody_knows_is_not_started() {
    let own = engine();
    let wish = with(own.busybox(&["true"]), json!({ "env": { "LD_PRELOAD": "x" } }));
    assert_eq!(own.call("sandboxRun", &json!({ "capability": wish })).unwrap_err()["code"], "DENIED");
    for op in ["sandboxStart", "sandboxStop", "sandboxRemove", "sandboxWait", "sandboxInspect"] {
        assert_eq!(
            own.call(op, &json!({ "id": "no-such-sandbox" })).unwrap_err()["code"],
            "NOT_FOUND",
            "{op}"
        );
        assert_eq!(own.sync(op, &json!({ "id": "x" })).unwrap_err()["code"], "BAD_REQUEST", "{op}");
    }
}

/// The next events of a stream up to its end or refusal: all text, and the last event.
fn follow(own: &Own, stream: &Value) -> (String, Value) {
    let mut text = String::new();
    loop {
        let event = own.call("next", &json!({ "stream": stream })).unwrap();
        if event["event"] == "end" {
            return (text, event);
        }
        text.push_str(event["data"].as_str().unwrap());
    }
}

#[test]
pub(crate) fn logs_are_followed_while_the_sandbox_writes_and_end_with_it() {
    let own = engine();
    let id = run(
        &own,
        &[
            "sh",
            "-c",
            "echo first; until [ -e /tmp/go ]; do sleep 0.1; done; printf '\\303'; printf '\\244\\n'; echo last",
        ],
        json!({}),
    );
    let _removed = Removed(&own, id.clone());
    let opened = own.call("openLogs", &json!({ "id": id, "follow": true })).unwrap();
    let first = own.call("next", &json!({ "stream": opened["stream"] })).unwrap();
    assert_eq!(first, json!({ "event": "stdout", "data": "first\n" }), "before it has written the rest");
    let go = json!({ "id": id, "command": ["/bin/busybox", "touch", "/tmp/go"] });
    assert_eq!(own.call("sandboxExec", &go).unwrap()["exitCode"], 0);
    let (rest, end) = follow(&own, &opened["stream"]);
    assert_eq!((rest.as_str(), &end["result"]), ("\u{e4}\nlast\n", &Value::Null));
    assert_eq!(own.call("next", &json!({ "stream": opened["stream"] })).unwrap_err()["code"], "STREAM");
    let whole = own.call("openLogs", &json!({ "id": id, "tail": 1 })).unwrap();
    assert_eq!(follow(&own, &whole["stream"]).0, "last\n");
}

#[test]
fn who_stops_following_leaves_the_sandbox_running() {
    let own = engine();
    let id = run(&own, &["sh", "-c", "echo on; sleep 1000"], json!({}));
    let _removed = Removed(&own, id.clone());
    let opened = own.call("openLogs", &json!({ "id": id, "follow": true })).unwrap();
    let this = json!({ "stream": opened["stream"] });
    assert_eq!(own.call("next", &this).unwrap()["data"], "on\n");
    assert_eq!(own.sync("cancel", &this).unwrap()["cancelled"], true);
    assert!(
        ["STREAM", "CANCELLED"].contains(&own.call("next", &this).unwrap_err()["code"].as_str().unwrap())
    );
    assert_eq!(own.call("sandboxInspect", &json!({ "id": id })).unwrap()["status"], "running");
}
