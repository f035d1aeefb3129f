//! `run`: the whole way, from flags to the program's own exit code.

use std::time::Duration;

use base64::Engine as _;
use perry_sandbox_image::Rootfs;
use perry_sandbox_pipeline::{Admitted, Decided, Environment, Live, Pipeline};
use perry_sandbox_policy::{LaunchPlan, Terminal, Trial};
use perry_sandbox_runner::{EgressUse, End, Limit, Outcome};
use serde_json::{Value, json};

use super::answer;
use super::sandbox::detach;
use crate::args::{RunArgs, secrets};
use crate::exit::Exit;
use crate::output;
use crate::progress::progress;
use crate::terminal;

pub(super) const SCHEMA: &str = "perry-sandbox/run/v1";

/// Runs the command.
pub(crate) fn run(args: &RunArgs, environment: &Environment) -> anyhow::Result<Exit> {
    if args.detach {
        return detach(args, environment);
    }
    let pipeline = Pipeline::open(environment.clone())?;
    let asked = pipeline.ask(&args.request.wish(Terminal::when(args.tty))?, None)?;
    let Some(admitted) = pipeline.admit(&asked)? else { return answer::refuse(&asked, args.json) };
    if let Some(exception) = admitted.plan.exception.as_ref().filter(|_| !args.quiet) {
        output::note(&format!(
            "note: allowed by exception {} until {}: {}",
            exception.id, exception.until, exception.reason
        ));
    }
    warn_of_trial(admitted.decided.evidence().trial.as_ref(), args.quiet);
    let rootfs = admitted.rootfs(progress(args.quiet || args.json).as_ref())?;
    if args.dry_run {
        return print_dry_run(&admitted, &rootfs, args.json);
    }
    let outcome = start(args, &admitted, &rootfs)?;
    if args.json {
        output::json(&report(SCHEMA, &outcome, Some(admitted.decided)))?;
    }
    Ok(finish(&outcome, Some(admitted.plan), args.json))
}

/// Says what a trial would refuse.
pub(super) fn warn_of_trial(trial: Option<&Trial>, quiet: bool) {
    if let Some(warning) = trial.and_then(Trial::warning).filter(|_| !quiet) {
        output::note(&format!("warning: {warning}"));
    }
}

fn print_dry_run(admitted: &Admitted<'_>, rootfs: &Rootfs, as_json: bool) -> anyhow::Result<Exit> {
    let steps = admitted.dry_run(rootfs)?;
    let plan = admitted.plan;
    if as_json {
        output::json(&json!({
            "schema": SCHEMA, "plan-digest": plan.digest(), "plan": plan, "execution": steps.to_string().lines().collect::<Vec<_>>(),
        }))?;
    } else {
        output::result(&format!(
            "{}\nplan {}\n\n{steps}",
            admitted.decided.explanation.to_text(output::stdout_has_color()),
            plan.digest()
        ));
    }
    Ok(Exit::Done)
}

fn start(args: &RunArgs, admitted: &Admitted<'_>, rootfs: &Rootfs) -> anyhow::Result<Outcome> {
    let (terminal, commands) = terminal::attach(admitted.plan.process.terminal, None)?;
    let secrets = secrets(&args.request.secret)?;
    let live = Live { commands: Some(&commands), secrets: Some(&secrets), window: terminal.window };
    let outcome = admitted.launch(rootfs, terminal::streams(args.json)?, &live);
    drop(terminal);
    Ok(outcome?)
}

/// Says what the program wanted to reach and did not: its own words about it are rarely the reason.
fn refusals(egress: &EgressUse) {
    for refusal in &egress.refusals {
        output::note(&format!("egress refused: {refusal}"));
    }
    let named = u64::try_from(egress.refusals.len()).unwrap_or(u64::MAX);
    if egress.refused > named {
        output::note(&format!("egress refused: {} times in all", egress.refused));
    }
}

/// The exit code, after saying which limit ended it.
fn finish(outcome: &Outcome, plan: Option<&LaunchPlan>, quiet: bool) -> Exit {
    if let (Some(egress), false) = (&outcome.egress, quiet) {
        refusals(egress);
    }
    let Some(limit) = outcome.limit else {
        return match outcome.end {
            End::Exited(code) => Exit::Program(u8::try_from(code).unwrap_or(u8::MAX)),
            End::Killed(signal) => Exit::Signal(u8::try_from(signal).unwrap_or(u8::MAX)),
        };
    };
    let limits = plan.map(|plan| &plan.limits);
    let (value, flag) = match limit {
        Limit::Memory => (limits.map(|it| it.memory.to_string()), "--memory"),
        Limit::Cpu => (limits.map(|it| it.cpu.to_string()), "--cpus"),
        Limit::Wall => (limits.map(|it| it.wall.to_string()), "--timeout"),
        Limit::Output => (limits.map(|it| it.output.to_string()), "--output-limit"),
        Limit::Pids => (limits.map(|it| it.pids.to_string()), "--pids-limit"),
        Limit::Disk => (limits.map(|it| it.disk.to_string()), "--disk"),
        Limit::OpenFiles => (limits.map(|it| it.open_files.to_string()), "--open-files"),
    };
    if !quiet {
        // A program may also fail by itself after it was refused a process, a byte or a file.
        let what = if matches!(outcome.end, End::Killed(_)) { "killed at" } else { "failed at" };
        output::error(&match value {
            Some(value) => {
                format!("{what} its {limit} limit of {value}; {flag} sets it, up to the policy's ceiling")
            }
            None => format!("{what} its {limit} limit"),
        });
    }
    if limit == Limit::Wall { Exit::TimeOut } else { Exit::LimitHit }
}

/// Milliseconds with three places.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

/// The exit code of a program that joined a sandbox.
pub(super) fn finish_exec(outcome: &Outcome, quiet: bool) -> Exit {
    finish(outcome, None, quiet)
}

/// What a script sees of a program that joined a sandbox.
pub(super) fn report_exec(outcome: &Outcome) -> Value {
    report("perry-sandbox/exec/v1", outcome, None)
}

fn report(schema: &str, outcome: &Outcome, decided: Option<&Decided<'_>>) -> Value {
    let (code, signal) = match outcome.end {
        End::Exited(code) => (Some(code), None),
        End::Killed(signal) => (None, Some(signal)),
    };
    let mut report = json!({
        "schema": schema,
        "exit-code": code,
        "signal": signal,
        "limit-hit": outcome.limit,
        "usage": {
            "wall-ms": milliseconds(outcome.usage.wall),
            "user-ms": milliseconds(outcome.usage.user),
            "system-ms": milliseconds(outcome.usage.system),
            "peak-memory": outcome.usage.peak_memory,
            "peak-measured": outcome.usage.peak_measured,
        },
        "plan-digest": outcome.plan,
        "trail": outcome.trail,
    });
    if let Value::Object(fields) = &mut report {
        if let Some(egress) = &outcome.egress {
            fields.insert("egress".to_owned(), json!(egress));
        }
        if let Some(decided) = decided {
            fields.insert("evidence".to_owned(), json!(decided.evidence()));
        }
        for (name, bytes) in [("stdout", &outcome.stdout), ("stderr", &outcome.stderr)] {
            if let Ok(text) = std::str::from_utf8(bytes) {
                fields.insert(name.to_owned(), text.into());
            } else {
                // Output that is not text is given whole, under another name.
                let coded = base64::engine::general_purpose::STANDARD.encode(bytes);
                fields.insert(format!("{name}-base64"), coded.into());
            }
        }
    }
    report
}
