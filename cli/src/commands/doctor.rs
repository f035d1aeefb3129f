//! `doctor`: can this machine run a capability, and what would it take if not; and what is dead in a Perry project.

use std::path::Path;

use perry_sandbox_image::Store;
use perry_sandbox_pipeline::{Environment, PolicyChoice, embedded_backend, find_policy};
use perry_sandbox_policy::Control;
use serde::Serialize;
use serde_json::json;

use crate::args::DoctorArgs;
use crate::exit::Exit;
use crate::output;
use crate::project;
use crate::stop::Stop;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    found: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// As it should be.
    Ok,
    /// Works, with less.
    Note,
    /// Nothing can run until it is mended.
    Missing,
}

/// Runs the command.
pub(crate) fn doctor(args: &DoctorArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let mut checks = vec![kernel(), store(environment), policy(environment)];
    checks.extend(sandbox());
    let sound = checks.iter().all(|check| check.state != State::Missing);
    if args.json {
        output::json(&json!({ "schema": "perry-sandbox/doctor/v1", "sound": sound, "checks": checks }))?;
    } else {
        let lines = checks.iter().map(|check| {
            let state = match check.state {
                State::Ok => "ok     ",
                State::Note => "note   ",
                State::Missing => "MISSING",
            };
            format!("{state}  {:<16} {}", check.name, check.found)
        });
        output::result(&lines.collect::<Vec<_>>().join("\n"));
    }
    Ok(if sound { Exit::Done } else { Exit::NotAvailable })
}

/// Looks at a Perry project; the machine, and where its store is, do not matter.
pub(crate) fn doctor_project(folder: &Path, as_json: bool) -> anyhow::Result<Exit> {
    let report = project::examine(folder)
        .map_err(|error| Stop::usage(format!("cannot read the project `{}`: {error}", folder.display())))?;
    let exit = match (report.has_findings(), report.is_whole()) {
        (true, _) => Exit::Differs,
        (false, false) => Exit::Usage,
        (false, true) => Exit::Done,
    };
    if as_json {
        output::json(&project::json(&report, folder, exit.code()))?;
    } else {
        output::result(&project::text(&report, folder, output::stdout_has_color()));
    }
    Ok(exit)
}

fn kernel() -> Check {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Check { name: "kernel", state: State::Ok, found: format!("Linux {}", release.trim()) }
}

fn store(environment: &Environment) -> Check {
    match Store::open(&environment.data_dir) {
        Ok(store) => Check { name: "store", state: State::Ok, found: store.root().display().to_string() },
        Err(error) => Check { name: "store", state: State::Missing, found: error.to_string() },
    }
}

fn policy(environment: &Environment) -> Check {
    let (state, found) = match find_policy(&PolicyChoice::default(), environment) {
        Ok(Some(loaded)) => (State::Ok, format!("{} {}", loaded.policy.name(), loaded.policy.digest())),
        Ok(None) => {
            let places: Vec<_> =
                environment.default_policies.iter().map(|path| path.display().to_string()).collect();
            (State::Note, format!("none at {}: name one with --policy, or a signer", places.join(" or ")))
        }
        Err(error) => (State::Missing, error.to_string()),
    };
    Check { name: "policy", state, found }
}

/// What every run needs, then what makes a difference between tiers.
fn sandbox() -> Vec<Check> {
    let needed = [
        ("user namespaces", Control::Namespaces),
        ("seccomp", Control::Seccomp),
        ("read-only root", Control::ReadOnlyRoot),
        ("memory, watched", Control::MemoryWatched),
    ];
    let useful = [("memory, exact", Control::MemoryExact), ("ephemeral root", Control::EphemeralRoot)];
    let Some(native) = embedded_backend() else { return Vec::new() };
    let check = |(name, control), otherwise| {
        if let Some(enforcer) = native.controls.enforcer(control) {
            return Check { name, state: State::Ok, found: enforcer.to_owned() };
        }
        let (why, remedy) = native.controls.refusal(control).unwrap_or_default();
        let remedy = remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
        Check { name, state: otherwise, found: format!("{why}{remedy}") }
    };
    let needed = needed.into_iter().map(|it| check(it, State::Missing));
    needed.chain(useful.into_iter().map(|it| check(it, State::Note))).collect()
}
