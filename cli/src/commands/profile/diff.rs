//! `profile diff`: by what is admitted, never by names or reasons.

use perry_sandbox_profiles::{Beyond, Clause, SeccompProfile};
use serde_json::{Value, json};

use super::read;
use crate::args::DiffProfilesArgs;
use crate::exit::Exit;
use crate::output;

/// Runs the command.
pub(super) fn diff(args: &DiffProfilesArgs) -> anyhow::Result<Exit> {
    let (before, after) = (read::profile(&args.before)?, read::profile(&args.after)?);
    let (lost, gained) = (before.beyond(&after), after.beyond(&before));
    if args.json {
        output::json(&as_json(&before, &after, [&lost, &gained]))?;
    } else {
        output::result(&as_text(&before, &after, [&lost, &gained]));
    }
    Ok(if lost.is_empty() && gained.is_empty() { Exit::Done } else { Exit::Differs })
}

fn as_json(before: &SeccompProfile, after: &SeccompProfile, [lost, gained]: [&[Beyond]; 2]) -> Value {
    let side = |list: &[Beyond]| list.iter().map(as_row).collect::<Vec<_>>();
    let named = |profile: &SeccompProfile| json!({ "name": profile.name(), "digest": profile.digest() });
    json!({
        "schema": "perry-sandbox/profile-diff/v1",
        "before": named(before),
        "after": named(after),
        "admitted-before-only": side(lost),
        "admitted-after-only": side(gained),
    })
}

fn as_row(one: &Beyond) -> Value {
    let tests = |clause: &Clause| clause.tests().collect::<Vec<_>>();
    json!({
        "arch": one.arch,
        "call": one.call,
        "when": one.clauses.iter().map(tests).collect::<Vec<_>>(),
        "partly": one.other.is_some(),
    })
}

fn as_text(before: &SeccompProfile, after: &SeccompProfile, [lost, gained]: [&[Beyond]; 2]) -> String {
    if lost.is_empty() && gained.is_empty() {
        return format!("{} and {} admit the same", before.name(), after.name());
    }
    let mut lines =
        vec![format!("- admitted by {} only", before.name()), format!("+ admitted by {} only", after.name())];
    lines.extend(lost.iter().flat_map(|one| rows('-', one)));
    lines.extend(gained.iter().flat_map(|one| rows('+', one)));
    lines.join("\n")
}

/// One line for each condition under which the call is admitted by one side only.
pub(super) fn rows(sign: char, one: &Beyond) -> Vec<String> {
    let whole = one.other.is_none() && one.clauses.as_slice() == [Clause::ANY];
    if whole {
        return vec![format!("{sign} {} {}", one.arch, one.call)];
    }
    let partly = if one.other.is_some() { ", where the other admits less" } else { "" };
    one.clauses
        .iter()
        .map(|clause| format!("{sign} {} {} with {clause}{partly}", one.arch, one.call))
        .collect()
}
