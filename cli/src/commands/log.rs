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
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let what = match text("event").as_str() {
        "decision" => {
            let codes: Vec<_> = entry
                .get("reasons")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let answer =
                if entry.get("allowed") == Some(&Value::Bool(true)) { "allowed " } else { "denied  " };
            format!("{answer} {} {}", text("capability"), codes.join(" "))
        }
        "run-start" => format!(
            "started  {} at tier {} by {}, image {}",
            text("capability"),
            text("tier"),
            text("backend"),
            text("manifest")
        ),
        "run-end" => format!(
            "ended    {}",
            entry.get("limit").filter(|limit| !limit.is_null()).or(entry.get("end")).unwrap_or(&Value::Null)
        ),
        other => other.to_owned(),
    };
    format!("{:>6}  {}  {what}", entry.get("sequence").and_then(Value::as_u64).unwrap_or(0), text("time"))
}
