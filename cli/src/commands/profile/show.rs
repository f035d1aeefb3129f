//! `profile show`.

use std::io::IsTerminal as _;

use perry_sandbox_profiles::{Arch, Clause, Entry, Recorded, SeccompProfile, Verb, bpf, to_oci_json};
use serde_json::{Value, json};

use super::read;
use crate::args::{ShowArgs, ShownAs};
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// Runs the command.
pub(super) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let profile = read::profile(&args.profile)?;
    let arch = read::arch(args.arch)?;
    match args.format {
        ShownAs::Toml => output::result(&profile.to_toml()),
        ShownAs::Oci => output::json(&to_oci_json(&profile, arch))?,
        ShownAs::Json => output::json(&as_json(&profile, arch)?)?,
        ShownAs::Text => output::result(&as_text(&profile, arch)?),
        ShownAs::Bpf => {
            if std::io::stdout().is_terminal() {
                return Err(Stop::usage("a filter is not text: redirect it into a file or a program"));
            }
            output::bytes(&compiled(&profile, arch)?.to_bytes());
        }
    }
    Ok(Exit::Done)
}

fn compiled(profile: &SeccompProfile, arch: Arch) -> anyhow::Result<bpf::BpfProgram> {
    bpf::compile(profile, arch).map_err(Stop::usage)
}

fn as_text(profile: &SeccompProfile, arch: Arch) -> anyhow::Result<String> {
    let mut lines = vec![
        format!("{}  {}", profile.name(), profile.digest()),
        profile.description().to_owned(),
        format!(
            "{arch}: {} calls, {} instructions; other calls answer {}",
            profile.call_count(arch),
            compiled(profile, arch)?.instructions().len(),
            profile.unknown()
        ),
    ];
    lines.extend(profile.recorded().into_iter().flat_map(evidence));
    for entry in profile.entries().iter().filter(|entry| entry.arches().contains(&arch)) {
        lines.extend(entry_lines(entry, arch));
    }
    Ok(lines.join("\n"))
}

fn evidence(recorded: &Recorded) -> Vec<String> {
    let said = |holds: bool, yes: &str, no: &str| if holds { yes.to_owned() } else { no.to_owned() };
    vec![
        String::new(),
        format!("recorded by {} in {} runs under {}", recorded.recorder, recorded.runs, recorded.under),
        format!("  kernel {}, C library {}, tier {}", recorded.kernel, recorded.libc, recorded.tier),
        format!("  image {}", recorded.image),
        format!("  command {}", recorded.command.join(" ")),
        format!(
            "  {}; {}",
            said(recorded.settled, "the last two runs showed nothing new", "runs still showed something new"),
            said(recorded.proved, "proved under enforcement", "not proved under enforcement")
        ),
        format!("  not exercised: {}", recorded.not_exercised.join(", ")),
    ]
}

fn entry_lines(entry: &Entry, arch: Arch) -> Vec<String> {
    let verb = match entry.verb() {
        Verb::Allow => "allow".to_owned(),
        Verb::Refuse(answer) => format!("refuse with {answer}"),
    };
    let calls: Vec<&str> =
        entry.calls().iter().filter(|call| call.number(arch).is_some()).map(|call| call.name()).collect();
    let mut lines = vec![String::new(), format!("{verb}  {}", calls.join(", "))];
    lines.extend(entry.when().iter().map(|test| format!("  when {test}")));
    lines.push(format!("  {}", entry.reason()));
    lines
}

fn as_json(profile: &SeccompProfile, arch: Arch) -> anyhow::Result<Value> {
    let tests = |clause: &Clause| clause.tests().collect::<Vec<_>>();
    let calls: Vec<Value> = profile
        .rules(arch)
        .map(|rule| {
            json!({
                "call": rule.call.name(),
                "number": rule.call.number(arch),
                "admitted-when": rule.admission.clauses().iter().map(tests).collect::<Vec<_>>(),
                "otherwise": rule.otherwise.map(|answer| answer.to_string()),
                "reason": profile.reason(rule.call),
                "seen": profile.entries_for(rule.call).find_map(Entry::seen),
                "runtime": profile.entries_for(rule.call).find_map(Entry::runtime),
            })
        })
        .collect();
    Ok(json!({
        "schema": "perry-sandbox/profile/v1",
        "name": profile.name(),
        "digest": profile.digest(),
        "description": profile.description(),
        "arch": arch,
        "unknown": profile.unknown().to_string(),
        "admitted": profile.call_count(arch),
        "instructions": compiled(profile, arch)?.instructions().len(),
        "recorded": profile.recorded(),
        "calls": calls,
    }))
}
