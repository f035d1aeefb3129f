//! What Apple's `container` is, and what it holds. Not run on the real thing; flags and answers are those of its documentation
//! (<https://github.com/apple/container/blob/main/docs/command-reference.md>).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use perry_sandbox_image::ImageConfig;
use perry_sandbox_policy::{BackendFacts, Control, ControlTable, IsolationLevel, LaunchPlan, Terminal};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::brought::{refuse_variables, refuse_volumes};
use super::super::client::Client;
use super::super::host::HostTools;
use super::super::images::{manifest_hex, manifest_name};
use super::super::order::System;
use super::super::place;
use super::super::script::{Action, Backend, Given, SIGNAL, Script};
use super::super::survey::Absence;
use super::super::table::{self, by, nobody};
use super::super::tool::{Call, find, plain};
use super::words::words;
use crate::demands::PlanError;

/// The first that can be told which paths to hide (<https://github.com/apple/container/pull/2069>).
const OLDEST: [u32; 3] = [1, 2, 1];

/// One that has answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Apple {
    program: PathBuf,
    env: BTreeMap<String, String>,
    version: String,
}

impl Apple {
    /// Finds it, and asks whether its services run.
    pub(in super::super) fn probe(tools: &HostTools) -> Result<Self, Absence> {
        if tools.system() != System::MacOs {
            return Err(Absence::nowhere(&"it is there for macOS only", "use another backend"));
        }
        let install = "install it: https://github.com/apple/container/releases";
        let program = find("container", tools.folders()).map_err(|why| Absence::nowhere(&why, install))?;
        let env = tools.environment();
        let call = Call::new(&program, ["system", "status", "--format", "json"]).with_env(&env);
        let start = Some("start it: `container system start`");
        let said = call.answer(tools.patience()).map_err(|error| Absence::dead(&error, start))?;
        let version = read_status(&said.stdout).map_err(|why| Absence::dead(&call.unusable(why), start))?;
        if numbers(&version) < Some(OLDEST) {
            let why = format!("version {version} cannot be told which paths to hide; 1.2.1 can");
            return Err(Absence::dead(
                &why,
                Some("install a newer one, and start it again: `container system start`"),
            ));
        }
        Ok(Self { program, env, version })
    }

    pub(in super::super) fn rests_on(&self) -> Vec<&Path> {
        vec![&self.program]
    }

    /// What is asked of it.
    pub(in super::super) fn call(&self, words: &[&str]) -> Call {
        Call::new(&self.program, words.iter().copied()).with_env(&self.env)
    }

    /// What it enforces here. It runs on Apple's own processors only.
    pub(in super::super) fn facts(&self) -> Option<BackendFacts> {
        let architectures = vec!["arm64".to_owned()];
        table::facts(Backend::Apple, &self.version, IsolationLevel::Microvm, architectures, controls())
    }

    /// What is executed for a plan: it is made in a step of its own, so that a failure is not taken for the program's.
    pub(in super::super) fn script(
        &self,
        plan: &LaunchPlan,
        config: &ImageConfig,
        runtime: &Path,
        name: &str,
    ) -> Result<Script, PlanError> {
        refuse_volumes(Backend::Apple, config)?;
        refuse_variables(Backend::Apple, plan, config, &["PATH"])?;
        let words = words(plan, name, &manifest_name(&manifest_hex(plan)?))?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        Ok(Script {
            backend: Backend::Apple,
            name: name.to_owned(),
            files: BTreeMap::new(),
            given: Given::of(plan, |_| None),
            required: Vec::new(),
            names: None,
            connect: Vec::new(),
            terminal: plan.process.terminal == Terminal::Own,
            create: Some(Action::Call(self.call(&words))),
            confirm: None,
            caught: None,
            run: Client::Call(self.call(&["start", "--attach", "--interactive", name])),
            signal: Action::Call(self.call(&["kill", &format!("--signal={SIGNAL}"), name])),
            state: None,
            end: None,
            remove: Action::Call(self.call(&["delete", "--force", name])),
            folder: place::folder(runtime, name),
        })
    }
}

/// Reads `container system status --format json`, which has two forms: since 1.4.1 its server's version stands apart
/// (<https://github.com/apple/container/pull/1769>).
fn read_status(bytes: &[u8]) -> Result<String, String> {
    let status: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let text = |path: &str| status.pointer(path).and_then(Value::as_str);
    let state = text("/status").ok_or("it has no `status`")?;
    if state != "running" {
        return Err(format!("its services are {}", plain(state.as_bytes())));
    }
    let said = text("/server/version").or_else(|| text("/apiServerVersion")).ok_or("it has no version")?;
    let version =
        said.split_whitespace().find(|word| numbers(word).is_some()).ok_or("its version is not a word")?;
    Ok(version.to_owned())
}

/// The three numbers that a version begins with.
fn numbers(version: &str) -> Option<[u32; 3]> {
    let fits = |char: char| char.is_ascii_alphanumeric() || "._+-".contains(char);
    if version.len() > 64 || !version.chars().all(fits) {
        return None;
    }
    let mut parts = version.split(['.', '-', '+']).map(str::parse);
    let mut next = || parts.next()?.ok();
    Some([next()?, next()?, next()?])
}

fn controls() -> ControlTable {
    let mut table = table::nothing("Apple's container is not asked for this yet");
    for (control, who) in HELD {
        table.set(control, by(who));
    }
    for (control, why) in OPEN {
        table.set(control, nobody(why, Some(table::OTHER)));
    }
    table::untried(&table)
}

/// What is held.
const HELD: [(Control, &str); 13] = [
    (Control::Namespaces, "a machine of its own (Apple's hypervisor)"),
    (Control::LinuxCaps, "all Linux caps dropped in it but the listed ones (--cap-drop)"),
    (Control::MaskedPaths, "covered in it (--masked-path, --read-only-path)"),
    (Control::RemovedAtExit, "the supervisor, and a process of ours that removes what a killed runner left"),
    (Control::NoNetwork, "a machine without a network interface (--network none)"),
    (Control::ReadOnlyRoot, "read-only mount (--read-only)"),
    (Control::Env, "the plan's variables; an image that brings others is refused"),
    (Control::User, "its own init"),
    (Control::MemoryExact, "the machine's memory, of which its kernel takes a part"),
    (Control::Cpu, "the machine's processors, as whole ones"),
    (Control::Wall, "supervisor"),
    (Control::Output, "supervisor"),
    (Control::OpenFiles, "RLIMIT_NOFILE (--ulimit)"),
];

/// What is not, and why.
const OPEN: [(Control, &str); 6] = [
    (Control::Seccomp, "Apple's container has no way to give a filter of system calls"),
    (Control::NoNewPrivileges, "Apple's container has no way to ask for no_new_privs"),
    (Control::Tmp, "its --tmpfs takes no size"),
    (Control::Disk, "its --tmpfs takes no size, so /tmp is bounded by the machine's memory only"),
    (Control::Pids, "it has RLIMIT_NPROC only, which does not hold root inside"),
    (
        Control::Secrets,
        "the machine does not see who owns a file of this host, so a secret could be read by others inside",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &[u8] = include_bytes!("../recorded/apple-status-1.4.1.json");

    #[test]
    fn the_version_is_read_from_both_forms() {
        assert_eq!(read_status(STATUS), Ok("1.4.1".to_owned()));
        let older = br#"{"status":"running","apiServerVersion":"container-apiserver version 1.2.2 (build: release, commit: 48230f3)"}"#;
        assert_eq!(read_status(older), Ok("1.2.2".to_owned()));
    }

    #[test]
    fn what_cannot_be_believed_does_not_run() {
        let hostile: [&[u8]; 6] = [
            b"",
            b"{}",
            b"{\"status\": \"unregistered\"}",
            b"{\"status\": \"running\"}",
            b"{\"status\": \"running\", \"server\": {\"version\": \"1.4.1\\u001b[2J\"}}",
            b"\xff",
        ];
        for bytes in hostile {
            assert!(read_status(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let long = format!("{{\"status\": \"{}\\u0007\"}}", "x".repeat(1 << 20));
        let error = read_status(long.as_bytes()).unwrap_err();
        assert!(error.len() < 1000 && !error.contains('\u{7}'), "{}", error.len());
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers("1.10.0") > Some(OLDEST) && numbers("1.2.1") == Some(OLDEST));
        assert!(numbers("1.2.0") < Some(OLDEST) && numbers("0.12.3") < Some(OLDEST));
        assert_eq!(
            (numbers("1.2"), numbers("x"), numbers("1.0.0-23-g7b94575")),
            (None, None, Some([1, 0, 0]))
        );
    }

    #[test]
    fn what_it_has_no_flag_for_is_not_promised() {
        let table = controls();
        for (control, _) in OPEN {
            assert!(table.enforcer(control).is_none(), "{control}");
        }
        assert!(table.enforcer(Control::MaskedPaths).unwrap().contains(table::UNTRIED));
    }
}
