//! `run`: the whole way, from flags to the program's own exit code.

use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use jiff::Timestamp;
use perry_sandbox_image::{Rootfs, Store};
use perry_sandbox_policy::{AuditLog, LaunchPlan, Terminal, Verdict};
use perry_sandbox_runner::{
    End, Input, LaunchError, Limit, Outcome, Output, RunError, Streams, Surroundings, Trail, dry_run, launch,
    remote,
};
use serde_json::{Value, json};

use super::answer;
use crate::args::RunArgs;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::flow::{self, Answer, Decided};
use crate::output;
use crate::progress::progress;
use crate::sources::open_store;
use crate::stop::Stop;
use crate::terminal;

pub(super) const SCHEMA: &str = "perry-sandbox/run/v1";

/// Runs the command.
pub(crate) fn run(args: &RunArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let store = open_store(environment)?;
    let wanted = if args.tty { Terminal::Own } else { Terminal::None };
    let asked = flow::ask(&args.request, None, wanted, environment, &store)?;
    let trail = match asked.policy.audit().log {
        AuditLog::Chained => Some(Trail::open(&environment.data_dir.join("trail"))?),
        AuditLog::Off => None,
    };
    let trail = trail.as_ref();
    let Answer::Decided(decided) = &asked.answer else { return answer::refuse(&asked, trail, args.json) };
    let Verdict::Allow(plan) = &decided.verdict else { return answer::refuse(&asked, trail, args.json) };
    if let Some(exception) = plan.exception.as_ref().filter(|_| !args.quiet) {
        output::note(&format!(
            "note: allowed by exception {} until {}: {}",
            exception.id, exception.until, exception.reason
        ));
    }
    if let Err(error) = refuse_own_folders(plan, &args.request.policy.policy, environment) {
        return answer::stopped(&asked, trail, error);
    }
    let rootfs = match rootfs(&store, decided, &asked.image, args.quiet || args.json) {
        Ok(rootfs) => rootfs,
        Err(error) => return answer::stopped(&asked, trail, error),
    };
    if args.dry_run {
        return print_dry_run(plan, decided, &rootfs, args.json);
    }
    answer::approve(&asked, decided, trail)?;
    let outcome = start(args, plan, decided, &rootfs, trail, environment)?;
    if args.json {
        output::json(&report(&outcome, decided))?;
    }
    Ok(finish(&outcome, plan, args.json))
}

/// SECURITY: a mount that shows our own store, records or policies would let a program change what the next run trusts.
fn refuse_own_folders(
    plan: &LaunchPlan,
    policies: &[PathBuf],
    environment: &Environment,
) -> anyhow::Result<()> {
    let resolved = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let own = [&environment.data_dir, &environment.runtime_dir].into_iter();
    let own: Vec<_> =
        own.chain(policies).chain(&environment.default_policies).map(|path| resolved(path)).collect();
    for mount in &plan.mounts {
        let shown = resolved(Path::new(&mount.path));
        if let Some(own) = own.iter().find(|own| own.starts_with(&shown) || shown.starts_with(own)) {
            return Err(Stop::with(
                Exit::Denied,
                format!(
                    "denied: the mount {} would show {}, which decides about runs: mount a folder beside it",
                    mount.path,
                    own.display()
                ),
            ));
        }
    }
    Ok(())
}

/// The unpacked image. Content is fetched only now, when it is clear that it may run.
fn rootfs(store: &Store, decided: &Decided<'_>, name: &str, quiet: bool) -> anyhow::Result<Rootfs> {
    let (source, image) = (decided.opened.source.as_ref(), decided.verified.image());
    if let Some(ready) = store.ready(source, image, name, &decided.config.diff_ids)? {
        return Ok(ready);
    }
    let bar = progress(quiet);
    store.pull(source, image, name, bar.as_ref())?;
    Ok(store.rootfs(image, bar.as_ref())?)
}

fn print_dry_run(
    plan: &LaunchPlan,
    decided: &Decided<'_>,
    rootfs: &Rootfs,
    as_json: bool,
) -> anyhow::Result<Exit> {
    let steps = dry_run(plan, &decided.verified, rootfs).map_err(stop)?;
    if as_json {
        output::json(&json!({
            "schema": SCHEMA, "plan-digest": plan.digest(), "plan": plan, "execution": steps.to_string().lines().collect::<Vec<_>>(),
        }))?;
    } else {
        output::result(&format!(
            "{}\nplan {}\n\n{steps}",
            decided.explanation.to_text(output::stdout_has_color()),
            plan.digest()
        ));
    }
    Ok(Exit::Done)
}

fn start(
    args: &RunArgs,
    plan: &LaunchPlan,
    decided: &Decided<'_>,
    rootfs: &Rootfs,
    trail: Option<&Trail>,
    environment: &Environment,
) -> anyhow::Result<Outcome> {
    let (remote, commands) = remote().context("making a channel to the sandbox")?;
    let terminal = terminal::attach(plan.process.terminal, remote)?;
    let surroundings = Surroundings {
        runtime: &environment.runtime_dir,
        trail,
        commands: Some(&commands),
        window: terminal.window,
        clock: Timestamp::now,
    };
    let outcome = launch(plan, &decided.verified, rootfs, streams(args.json)?, &surroundings);
    drop(terminal);
    outcome.map_err(stop)
}

fn streams(capture: bool) -> anyhow::Result<Streams> {
    let own = "duplicating a standard stream";
    let stdin = Input::Descriptor(std::io::stdin().as_fd().try_clone_to_owned().context(own)?);
    if capture {
        return Ok(Streams { stdin, stdout: Output::Capture, stderr: Output::Capture });
    }
    Ok(Streams {
        stdin,
        stdout: Output::Descriptor(std::io::stdout().as_fd().try_clone_to_owned().context(own)?),
        stderr: Output::Descriptor(std::io::stderr().as_fd().try_clone_to_owned().context(own)?),
    })
}

fn stop(error: LaunchError) -> anyhow::Error {
    let exit = match &error {
        LaunchError::Run(RunError::ProgramNotFound(_)) => Exit::NotFound,
        LaunchError::Run(RunError::ProgramNotExecutable { .. }) => Exit::CannotExecute,
        LaunchError::Plan(_) | LaunchError::NoBackend => Exit::NotAvailable,
        LaunchError::OtherImage { .. } | LaunchError::Run(_) | LaunchError::Trail(_) | _ => Exit::Failure,
    };
    Stop::with(exit, error)
}

/// The exit code, after saying which limit ended it.
fn finish(outcome: &Outcome, plan: &LaunchPlan, quiet: bool) -> Exit {
    let Some(limit) = outcome.limit else {
        return match outcome.end {
            End::Exited(code) => Exit::Program(u8::try_from(code).unwrap_or(u8::MAX)),
            End::Killed(signal) => Exit::Signal(u8::try_from(signal).unwrap_or(u8::MAX)),
        };
    };
    let limits = &plan.limits;
    let (value, flag) = match limit {
        Limit::Memory => (limits.memory.to_string(), "--memory"),
        Limit::Cpu => (limits.cpu.to_string(), "--cpus"),
        Limit::Wall => (limits.wall.to_string(), "--timeout"),
        Limit::Output => (limits.output.to_string(), "--output-limit"),
    };
    if !quiet {
        output::error(&format!(
            "killed at its {limit} limit of {value}; {flag} sets it, up to the policy's ceiling"
        ));
    }
    if limit == Limit::Wall { Exit::TimeOut } else { Exit::LimitHit }
}

/// Milliseconds with three places.
fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

fn report(outcome: &Outcome, decided: &Decided<'_>) -> Value {
    let (code, signal) = match outcome.end {
        End::Exited(code) => (Some(code), None),
        End::Killed(signal) => (None, Some(signal)),
    };
    let mut report = json!({
        "schema": SCHEMA,
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
        "evidence": decided.evidence(),
        "trail": outcome.trail,
    });
    if let Value::Object(fields) = &mut report {
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
