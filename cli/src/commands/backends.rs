//! `backends`: which walls are here, and who holds each control.

use perry_sandbox_pipeline::backends as backends_here;
use perry_sandbox_policy::{BackendFacts, Enforcement};
use serde_json::json;

use crate::args::BackendsArgs;
use crate::exit::Exit;
use crate::output;

/// Runs the command.
pub(crate) fn backends(args: &BackendsArgs) -> anyhow::Result<Exit> {
    let backends = backends_here();
    if args.json {
        output::json(&json!({ "schema": "perry-sandbox/backends/v1", "backends": backends }))?;
    } else {
        output::result(&backends.iter().map(describe).collect::<Vec<_>>().join("\n\n"));
    }
    Ok(Exit::Done)
}

/// A backend with its levels and one line for each control.
pub(crate) fn describe(backend: &BackendFacts) -> String {
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
