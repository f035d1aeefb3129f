//! What the end of an engine's client says about the end of the program.

use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::script::{Action, Backend, Script};
use super::tool::{ToolError, plain};
use crate::native::{Exit, RunError};
use crate::outcome::End;

/// How long an engine may take to say how a sandbox ended.
const SAYING: Duration = Duration::from_secs(10);
/// The longest log of a runtime that is read.
const LONGEST_LOG: usize = 64 << 10;
/// What stands in a container's state where it never ran.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// How the program ended, as far as its engine says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conclusion {
    Ended(End),
    OutOfMemory,
}

/// Reads the client's exit code, and what the engine has recorded.
pub(super) fn conclude(script: &Script, exit: &Exit, stderr: &[u8]) -> Result<Conclusion, RunError> {
    let Some(code) = exit.code else {
        let words = format!("its client was ended by signal {}", exit.signal.unwrap_or_default());
        return Err(failed(script, words));
    };
    match script.backend {
        Backend::Docker
        | Backend::Nerdctl
        | Backend::Orbstack
        | Backend::Colima
        | Backend::RancherDesktop
        | Backend::Lima => of_state(script),
        // It gives its own failures the code 1, as programs do. It makes the sandbox in a step before, where most of them are.
        Backend::Apple | Backend::Microvm | Backend::Wasm => Ok(ended(code)),
        Backend::Podman => of_podman(script, code, stderr),
        Backend::Runsc => of_runsc(script, code),
    }
}

fn failed(script: &Script, words: String) -> RunError {
    ToolError::Failed { call: script.run.short(), status: "the sandbox did not run".to_owned(), words }.into()
}

/// An exit code as an engine gives it: it says 128 and the number of the signal for a program that a signal ended, which the
/// program could also have said by itself.
const fn ended(code: i32) -> Conclusion {
    match code {
        129..=192 => Conclusion::Ended(End::Killed(code.saturating_sub(128))),
        _ => Conclusion::Ended(End::Exited(code)),
    }
}

fn asked(script: &Script) -> Result<Option<Vec<u8>>, RunError> {
    Ok(script.state.as_ref().map(|action| action.take(SAYING)).transpose()?)
}

/// What an engine has recorded says more than its client's exit code.
fn of_state(script: &Script) -> Result<Conclusion, RunError> {
    let body = asked(script)?.unwrap_or_default();
    let unusable = |why: &str| ToolError::Answer {
        call: script.state.as_ref().map(Action::to_string).unwrap_or_default(),
        why: why.to_owned(),
    };
    let state: Value = serde_json::from_slice(&body).map_err(|error| unusable(&error.to_string()))?;
    let read = match &script.state {
        // nerdctl says when one has ended, and not whether it had begun: one that had not is `created`.
        Some(Action::Call(_)) => match state.get("Status").and_then(Value::as_str) {
            Some("exited") => read_state(&state),
            Some(status) => Err(Wrong::Engine(format!("it is {}", plain(status.as_bytes())))),
            None => Err(Wrong::Answer("it has no status")),
        },
        Some(Action::Ask(_)) | None => read_state(state.get("State").unwrap_or(&Value::Null)),
    };
    read.map_err(|wrong| match wrong {
        Wrong::Answer(why) => unusable(why).into(),
        Wrong::Engine(words) => failed(script, words),
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Answer(&'static str),
    Engine(String),
}

fn read_state(state: &Value) -> Result<Conclusion, Wrong> {
    let text = |name: &str| state.get(name).and_then(Value::as_str).unwrap_or_default();
    let code = state.get("ExitCode").and_then(Value::as_i64).and_then(|code| i32::try_from(code).ok());
    let code = code.ok_or(Wrong::Answer("it has no exit code"))?;
    if text("StartedAt") == NEVER || !text("Error").is_empty() {
        return Err(Wrong::Engine(plain(text("Error").as_bytes())));
    }
    if state.get("Running").and_then(Value::as_bool) != Some(false) {
        return Err(Wrong::Answer("its client has ended before the sandbox, which is removed"));
    }
    // It also says so of one whose child was ended, and which ended by itself.
    if state.get("OOMKilled").and_then(Value::as_bool) == Some(true) && code == 137 {
        return Ok(Conclusion::OutOfMemory);
    }
    Ok(ended(code))
}

/// podman gives its own failures codes that programs use too. It writes the program's process down when that has started, and
/// only then is the code the program's.
fn of_podman(script: &Script, code: i32, stderr: &[u8]) -> Result<Conclusion, RunError> {
    if script.has_started() {
        return Ok(ended(code));
    }
    // Nothing of the program's can be among its words, for there was none.
    let words =
        if stderr.is_empty() { "it has written why to standard error".to_owned() } else { plain(stderr) };
    Err(failed(script, format!("podman ended with code {code}: {words}")))
}

/// runsc says by 128 that it failed, and why in its log.
fn of_runsc(script: &Script, code: i32) -> Result<Conclusion, RunError> {
    let log = fs::read(script.folder.join(super::runsc::LOG)).unwrap_or_default();
    match read_log(log.get(..log.len().min(LONGEST_LOG)).unwrap_or_default()) {
        Some(words) if code == 128 => Err(failed(script, words)),
        _ => Ok(ended(code)),
    }
}

/// The last error of a runtime's log, one JSON object a line.
fn read_log(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut errors =
        text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok()).filter_map(|entry| {
            let is_error = entry.get("level").and_then(Value::as_str) == Some("error");
            is_error.then(|| plain(entry.get("msg").and_then(Value::as_str).unwrap_or_default().as_bytes()))
        });
    errors.next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state(fields: &Value) -> Value {
        let mut state = json!({ "Running": false, "OOMKilled": false, "ExitCode": 0, "Error": "", "StartedAt": "2026-11-29T12:00:00Z" });
        for (name, value) in fields.as_object().unwrap() {
            state[name] = value.clone();
        }
        state
    }

    #[test]
    fn a_container_that_never_ran_is_a_failure_and_no_exit_code() {
        let read = |fields: Value| read_state(&state(&fields));
        assert_eq!(read(json!({ "ExitCode": 7 })), Ok(Conclusion::Ended(End::Exited(7))));
        assert_eq!(read(json!({ "ExitCode": 143 })), Ok(Conclusion::Ended(End::Killed(15))));
        assert_eq!(read(json!({ "ExitCode": 137, "OOMKilled": true })), Ok(Conclusion::OutOfMemory));
        assert_eq!(read(json!({ "ExitCode": 5, "OOMKilled": true })), Ok(Conclusion::Ended(End::Exited(5))));
        assert!(matches!(read(json!({ "ExitCode": 127, "StartedAt": NEVER })), Err(Wrong::Engine(_))));
        let error = read(json!({ "ExitCode": 127, "Error": "no \u{1b}[31msuch file" }));
        assert_eq!(error, Err(Wrong::Engine("no \u{fffd}[31msuch file".to_owned())));
        assert!(matches!(read(json!({ "Running": true })), Err(Wrong::Answer(_))));
        assert!(matches!(read_state(&Value::Null), Err(Wrong::Answer(_))));
    }

    #[test]
    fn the_last_error_of_a_log_is_the_reason() {
        let log = b"{\"msg\":\"a\",\"level\":\"warning\"}\n{\"msg\":\"b\",\"level\":\"error\"}\nnot json\n";
        assert_eq!(read_log(log), Some("b".to_owned()));
        assert_eq!(read_log(b"[1]\n{}"), None);
    }
}
