//! A sandbox as people and scripts see it: never a variable, an argument, or the request that made it.

use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_runner::{End, Finish, Limit, SandboxInfo, SandboxStatus};
use serde_json::{Value, json};

use crate::exit::Exit;

/// The id as docker shortens it.
pub(super) fn short_id(info: &SandboxInfo) -> String {
    info.id.as_str().chars().take(12).collect()
}

/// How it ended, as an exit code; nothing while it has not.
pub(super) fn exit(info: &SandboxInfo) -> Option<Exit> {
    match info.status {
        SandboxStatus::Created | SandboxStatus::Running => None,
        SandboxStatus::Dead => Some(Exit::Failure),
        SandboxStatus::Exited => Some(info.finish.as_ref().map_or(Exit::Failure, exit_of_finish)),
    }
}

fn exit_of_finish(finish: &Finish) -> Exit {
    match (finish.limit, finish.end) {
        (Some(Limit::Wall), _) => Exit::TimeOut,
        (Some(_), _) => Exit::LimitHit,
        (None, Some(End::Exited(code))) => Exit::Program(u8::try_from(code).unwrap_or(u8::MAX)),
        (None, Some(End::Killed(signal))) => Exit::Signal(u8::try_from(signal).unwrap_or(u8::MAX)),
        (None, None) => Exit::Failure,
    }
}

/// Where it stands, in docker's manner: `running for 5s`, `exited (3) 2m ago`.
pub(super) fn status(info: &SandboxInfo, now: Timestamp) -> String {
    match info.status {
        SandboxStatus::Created => "created".to_owned(),
        SandboxStatus::Running => {
            let health = info.health.map_or_else(String::new, |health| format!(" ({health})"));
            let again = match info.restarts {
                0 => String::new(),
                times => format!(", {times} restarts"),
            };
            let age = info.started.map_or_else(String::new, |at| age(at, now));
            format!("running for {age}{health}{again}")
        }
        SandboxStatus::Dead => "dead".to_owned(),
        SandboxStatus::Exited => {
            let ago = info.finished.map_or_else(String::new, |at| format!(" {} ago", age(at, now)));
            format!("exited ({}){ago}", info.finish.as_ref().map_or_else(String::new, how))
        }
    }
}

fn how(finish: &Finish) -> String {
    match (finish.limit, finish.end) {
        (Some(limit), _) => format!("{limit} limit"),
        (None, Some(End::Exited(code))) => code.to_string(),
        (None, Some(End::Killed(signal))) => format!("signal {signal}"),
        (None, None) => "lost".to_owned(),
    }
}

fn age(from: Timestamp, now: Timestamp) -> String {
    let seconds = u64::try_from(now.duration_since(from).as_secs()).unwrap_or(0);
    let units = [("d", 86_400), ("h", 3600), ("m", 60)];
    let unit = units.into_iter().find(|(_, length)| seconds >= *length);
    let (name, length) = unit.unwrap_or(("s", 1));
    format!("{}{name}", seconds.checked_div(length).unwrap_or(0))
}

/// All that may be seen.
pub(super) fn report(info: &SandboxInfo) -> Value {
    let finish = info.finish.as_ref();
    let (code, signal) = match finish.and_then(|finish| finish.end) {
        Some(End::Exited(code)) => (Some(code), None),
        Some(End::Killed(signal)) => (None, Some(signal)),
        None => (None, None),
    };
    json!({
        "id": info.id,
        "name": info.name,
        "status": info.status,
        "image": info.image,
        "manifest": info.manifest,
        "plan-digest": info.plan,
        "tier": info.tier,
        "labels": info.labels,
        "created": info.created.to_string(),
        "started": info.started.map(|at| at.to_string()),
        "finished": info.finished.map(|at| at.to_string()),
        "exit-code": code,
        "signal": signal,
        "limit-hit": finish.and_then(|finish| finish.limit),
        "failure": finish.and_then(|finish| finish.failure.clone()),
        "wall-ms": info.wall().map(milliseconds),
        "peak-memory": finish.and_then(|finish| finish.usage).map(|usage| usage.peak_memory),
        "egress": finish.and_then(|finish| finish.egress.as_ref()),
        "restarts": info.restarts,
        "health": info.health,
        "health-answer": info.bad_answer,
        "supervisor": info.supervisor,
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_one_unit() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m"), (7199, "1h"), (200_000, "2d")] {
            assert_eq!(age(at(0), at(seconds)), text);
        }
        assert_eq!(age(at(10), at(0)), "0s", "a clock that went back");
    }

    #[test]
    fn an_end_is_an_exit_code() {
        let finish = |end, limit| Finish { end, limit, usage: None, egress: None, failure: None };
        for (end, limit, code, text) in [
            (Some(End::Exited(3)), None, 3, "3"),
            (Some(End::Killed(15)), None, 143, "signal 15"),
            (Some(End::Killed(9)), Some(Limit::Wall), 124, "wall limit"),
            (Some(End::Killed(9)), Some(Limit::Memory), 123, "memory limit"),
            (None, None, 125, "lost"),
        ] {
            let finish = finish(end, limit);
            assert_eq!((exit_of_finish(&finish).code(), how(&finish).as_str()), (code, text));
        }
    }
}
