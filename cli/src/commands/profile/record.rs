//! `profile record`: runs, what they showed, and whether the profile that follows holds.

use std::fs::OpenOptions;
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use perry_sandbox_pipeline::{Ended, Environment, Pipeline, RecordOrder, RecordedRuns, Told};
use perry_sandbox_policy::Terminal;
use perry_sandbox_profiles::{Clause, Sight, Syscall};
use perry_sandbox_runner::End;
use serde_json::json;

use super::read;
use crate::args::{RecordArgs, secrets};
use crate::commands::answer;
use crate::exit::Exit;
use crate::files;
use crate::output;
use crate::progress::progress;
use crate::stop::Stop;

/// The longest input that is kept for all runs.
const MOST_INPUT: u64 = 16 << 20;

/// Runs the command.
pub(super) fn record(args: &RecordArgs, environment: &Environment) -> anyhow::Result<Exit> {
    refuse_output(args)?;
    let old = args.merge.as_deref().map(read::file).transpose()?;
    let pipeline = Pipeline::open(environment.clone())?;
    let wish = args.request.wish(Terminal::None)?;
    let asked = pipeline.ask(&wish, None)?;
    let Some(admitted) = pipeline.admit(&asked)? else { return answer::refuse(&asked, args.json) };
    let secrets = secrets(&args.request.secret)?;
    let order = RecordOrder {
        wish: &wish,
        name: args.name.clone(),
        runs: args.runs,
        old: old.as_ref(),
        stdin: standard_input()?,
        secrets: Some(&secrets),
    };
    let rootfs = admitted.rootfs(progress(args.json).as_ref())?;
    let recorded = admitted.record(&rootfs, &order, &mut |told| {
        if !args.json {
            output::note(&sentence(told));
        }
    })?;
    write(args, &recorded)?;
    report(args, &recorded)?;
    let proved = recorded.profile.recorded().is_some_and(|recorded| recorded.proved);
    Ok(if proved { Exit::Done } else { Exit::Differs })
}

/// Before anything runs: a file that is there is not written over.
fn refuse_output(args: &RecordArgs) -> anyhow::Result<()> {
    let Some(path) = args.output.as_deref().filter(|path| path.exists()) else { return Ok(()) };
    if args.merge.as_deref() == Some(path) {
        return Ok(());
    }
    let path = path.display();
    Err(Stop::usage(format!(
        "`{path}` is there already: go on with it (--merge {path}), or name another file"
    )))
}

fn standard_input() -> anyhow::Result<Vec<u8>> {
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    if !stdin.is_terminal() {
        stdin
            .lock()
            .take(MOST_INPUT.saturating_add(1))
            .read_to_end(&mut bytes)
            .context("reading standard input")?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MOST_INPUT) {
        return Err(Stop::usage(format!(
            "standard input has more than {MOST_INPUT} bytes, which every run would read"
        )));
    }
    Ok(bytes)
}

fn write(args: &RecordArgs, recorded: &RecordedRuns) -> anyhow::Result<()> {
    let text = recorded.profile.to_toml();
    let Some(path) = &args.output else {
        if !args.json {
            output::result(&text);
        }
        return Ok(());
    };
    if args.merge.as_ref() == Some(path) {
        return files::replace(path, text.as_bytes());
    }
    create(path, text.as_bytes()).with_context(|| format!("writing `{}`", path.display()))
}

fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn report(args: &RecordArgs, recorded: &RecordedRuns) -> anyhow::Result<()> {
    let (profile, recording) = (&recorded.profile, &recorded.recording);
    let refused: Vec<String> =
        recording.refused().map(|(call, answer, _)| format!("{call} ({answer})")).collect();
    let needed = |wanted: bool| -> Vec<String> {
        recorded
            .fragile
            .iter()
            .filter(|(_, needed)| *needed == wanted)
            .map(|(sight, _)| shown(sight))
            .collect()
    };
    let crowded: Vec<&str> = recording.crowded().map(Syscall::name).collect();
    if args.json {
        return output::json(&json!({
            "schema": "perry-sandbox/profile-record/v1",
            "name": profile.name(), "digest": profile.digest(), "calls": profile.call_count(recording.arch()),
            "recorded": profile.recorded(), "denied": refused, "crowded": crowded,
            "fragile-needed": needed(true), "fragile-not-needed": needed(false),
            "file": args.output, "profile": args.output.is_none().then(|| profile.to_toml()),
        }));
    }
    let mut lines = Vec::new();
    for (what, list) in [
        ("asked for and denied, as in force", refused),
        (
            "more kinds of arguments than are kept, admitted as in force",
            crowded.iter().map(|&it| it.to_owned()).collect(),
        ),
        ("not exercised", recording.not_exercised()),
    ] {
        if !list.is_empty() {
            lines.push(format!("{what}: {}", list.join(", ")));
        }
    }
    let calls = profile.call_count(recording.arch());
    lines.push(format!("{}: {calls} calls, {}", profile.name(), profile.digest()));
    output::note(&lines.join("\n"));
    Ok(())
}

fn sentence(told: &Told<'_>) -> String {
    match told {
        Told::Run { number, outcome, new } => {
            format!("run {number}: {}, {new} new", ending((outcome.end, outcome.limit)))
        }
        Told::Proof { ended, holds: true } => format!("enforced: {}, as recorded", ending(*ended)),
        Told::Proof { ended, holds: false } => format!("enforced: {}, and NOT as recorded", ending(*ended)),
        Told::Without { sight, ended, needed } => {
            let verdict = if *needed { "needed" } else { "not needed" };
            format!("without {}, seen once: {}: {verdict}", shown(sight), ending(*ended))
        }
    }
}

fn shown(sight: &Sight) -> String {
    if sight.class == Clause::ANY {
        sight.call.to_string()
    } else {
        format!("{} with {}", sight.call, sight.class)
    }
}

fn ending((end, limit): Ended) -> String {
    let end = match end {
        End::Exited(code) => format!("exit code {code}"),
        End::Killed(signal) => format!("killed by signal {signal}"),
    };
    limit.map_or_else(|| end.clone(), |limit| format!("{end} at its {limit} limit"))
}
