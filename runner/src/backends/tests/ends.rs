//! How a sandbox ended, as nerdctl says it: its client's own code could be its own failure.

use std::path::Path;
use std::time::Duration;

use super::super::end::{Conclusion, conclude};
use super::super::nerdctl::Nerdctl;
use super::super::order::System;
use super::fake::{Expected, Stage, nerdctl_info};
use super::plan::planned;
use crate::native::{Exit, RunError};
use crate::outcome::End;

const OURS: &str = "--namespace=perry-sandbox";

/// What is concluded where the client ends with 1, and this is what is recorded.
fn recorded(answer: &str) -> Result<Conclusion, RunError> {
    let stage = Stage::new();
    let calls = [
        Expected::call(&[OURS, "info", "--format={{json .}}"], nerdctl_info()),
        Expected::call(&[OURS, "container", "inspect", "--format={{json .State}}", "name"], answer),
    ];
    stage.program("nerdctl", &calls);
    let nerdctl = Nerdctl::probe(&stage.tools(System::Other)).unwrap();
    let planned = planned();
    let script = nerdctl.script(&planned.plan, &planned.config, Path::new("/run/p"), "name").unwrap();
    let (user, system) = (Duration::ZERO, Duration::ZERO);
    let exit = Exit { code: Some(1), signal: None, user, system, largest_process: 0, callers_largest: 0 };
    let concluded = conclude(&script, &exit, b"");
    assert_eq!(stage.calls("nerdctl"), calls.len());
    concluded
}

#[test]
fn only_one_that_has_ended_has_a_code() {
    let ended = r#"{"Status":"exited","Running":false,"Pid":0,"ExitCode":7,"Error":"","FinishedAt":"2026-11-29T12:00:00Z"}"#;
    assert_eq!(recorded(ended).unwrap(), Conclusion::Ended(End::Exited(7)));
    let killed = ended.replace(":7,", ":137,");
    assert_eq!(recorded(&killed).unwrap(), Conclusion::Ended(End::Killed(9)));
    let never = ended.replace("exited", "created").replace(":7,", ":0,");
    assert!(recorded(&never).unwrap_err().to_string().contains("created"));
    let failed = ended.replace(r#""Error":"""#, r#""Error":"exec format error""#);
    assert!(recorded(&failed).unwrap_err().to_string().contains("exec format error"));
    for hostile in ["", "null", "[]", "{}", "garbage", r#"{"Status":"exited"}"#, r#"{"Status":1}"#] {
        assert!(recorded(hostile).is_err(), "{hostile}");
    }
}
