//! `explain`: the verdict and who would hold each line of it; nothing runs.

use perry_sandbox_pipeline::{Answer, Asked, Environment, Pipeline};
use perry_sandbox_policy::{Denial, DenyKind, Explanation, Terminal, TierName, Verdict};
use serde_json::json;

use crate::args::ExplainArgs;
use crate::exit::Exit;
use crate::output;
use crate::stop::Stop;

/// Runs the command.
pub(crate) fn explain(args: &ExplainArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let tier = what_if(&args.what_if)?;
    let pipeline = Pipeline::open(environment.clone())?;
    let asked = pipeline.ask(&args.request.wish(Terminal::None)?, tier.as_ref())?;
    pipeline.check_mounts(&asked)?;
    let exit = exit_of(&asked);
    match &asked.answer {
        Answer::NotAsked(denial) => {
            print(&Explanation::of_denial(&asked.policy, &asked.request, denial, asked.now), args.json)?;
        }
        Answer::Decided(decided) => print(&decided.explanation, args.json)?,
        Answer::NotVerified(denial) if args.json => output::json(&json!({
            "schema": "perry-sandbox/explain/v1",
            "verdict": "denied",
            "subject": asked.image,
            "denial": denial,
        }))?,
        Answer::Broken(error) => return Err(Stop::with(exit, error)),
        Answer::NotVerified(denial) => output::result(&format!("DENIED   {}\n\n{denial}", asked.image)),
    }
    Ok(exit)
}

/// The exit code of an answer; an allowed run is [`Exit::Done`].
pub(crate) fn exit_of(asked: &Asked<'_>) -> Exit {
    match &asked.answer {
        Answer::NotAsked(denial) => of_denial(denial),
        Answer::NotVerified(denial) => super::verify::exit_of(denial),
        Answer::Broken(_) => Exit::NotVerified,
        Answer::Decided(decided) => match &decided.verdict {
            Verdict::Allow(_) => Exit::Done,
            Verdict::Deny(denial) => of_denial(denial),
        },
    }
}

/// The exit code of a denial: what was verified is not enough, the host cannot do it, or the policy says no. A "no" of
/// the policy goes first, since no other host or signature would change it.
fn of_denial(denial: &Denial) -> Exit {
    let has = |kind| denial.iter().any(|reason| reason.code.kind() == kind);
    if has(DenyKind::Policy) {
        Exit::Denied
    } else if has(DenyKind::NotVerified) {
        Exit::NotVerified
    } else {
        Exit::NotAvailable
    }
}

fn what_if(wishes: &[String]) -> anyhow::Result<Option<TierName>> {
    let mut tier = None;
    for wish in wishes {
        match wish.split_once('=') {
            Some(("tier", name)) => tier = Some(name.parse().map_err(Stop::usage)?),
            _ => return Err(Stop::usage(format!("`--if {wish}`: expected tier=NAME"))),
        }
    }
    Ok(tier)
}

fn print(explanation: &Explanation, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        output::json(&explanation.to_json())
    } else {
        output::result(&explanation.to_text(output::stdout_has_color()));
        Ok(())
    }
}
