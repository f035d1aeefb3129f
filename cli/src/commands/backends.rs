//! `backends`: which walls are here, and who holds each control.

use perry_sandbox_pipeline::{AbsentBackend, Environment, backends_anew};
use perry_sandbox_policy::{BackendFacts, Enforcement};
use serde_json::json;

use super::install::install;
use crate::args::BackendsArgs;
use crate::exit::Exit;
use crate::output;

/// Runs the command.
pub(crate) fn backends(args: &BackendsArgs, environment: &Environment) -> anyhow::Result<Exit> {
    if let Some(name) = &args.install {
        return install(name, environment);
    }
    let (alive, absent) = backends_anew(&environment.tools);
    if args.json {
        let report = json!({ "schema": "perry-sandbox/backends/v1", "backends": alive, "absent": absent });
        output::json(&report)?;
    } else {
        let parts = alive.iter().map(describe).chain(absent.iter().map(describe_absent));
        output::result(&parts.collect::<Vec<_>>().join("\n\n"));
    }
    Ok(Exit::Done)
}

/// A backend with its levels and one line for each control.
fn describe(backend: &BackendFacts) -> String {
    let levels: Vec<_> = backend.levels.iter().map(|level| level.as_str()).collect();
    let levels = if levels.is_empty() { "none here".to_owned() } else { levels.join(", ") };
    let mut lines = vec![format!("{} {}  isolation: {levels}", backend.name, backend.version)];
    for (control, enforcement) in backend.controls.iter() {
        let control = control.to_string();
        lines.push(match enforcement {
            Enforcement::By(enforcer) => format!("  {control:<18} yes  {enforcer}"),
            Enforcement::Nobody { why, remedy: None } => format!("  {control:<18} no   {why}"),
            Enforcement::Nobody { why, remedy: Some(remedy) } => {
                format!("  {control:<18} no   {why}; {remedy}")
            }
        });
    }
    lines.join("\n")
}

fn describe_absent(absent: &AbsentBackend) -> String {
    let remedy = absent.remedy.as_ref().map(|remedy| format!("\n  {remedy}")).unwrap_or_default();
    format!("{}  cannot be used here: {}{remedy}", absent.name, absent.why)
}
