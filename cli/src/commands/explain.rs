//! `explain`: the verdict and who would hold each line of it; nothing runs.

use perry_sandbox_policy::{Explanation, Terminal, TierName, Verdict};
use serde_json::json;

use crate::args::ExplainArgs;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::flow::{self, Answer, Asked};
use crate::output;
use crate::sources::open_store;
use crate::stop::{self, Stop};

/// Runs the command.
pub(crate) fn explain(args: &ExplainArgs, environment: &Environment) -> anyhow::Result<Exit> {
    let tier = what_if(&args.what_if)?;
    let store = open_store(environment)?;
    let asked = flow::ask(&args.request, tier.as_ref(), Terminal::None, environment, &store)?;
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
        Answer::Broken(error) => return Err(Stop::with(exit, stop::message(error))),
        Answer::NotVerified(denial) => output::result(&format!("DENIED   {}\n\n{denial}", asked.image)),
    }
    Ok(exit)
}

/// The exit code of an answer; an allowed run is [`Exit::Done`].
pub(crate) fn exit_of(asked: &Asked<'_>) -> Exit {
    match &asked.answer {
        Answer::NotAsked(denial) => flow::exit_of(denial),
        Answer::NotVerified(denial) => super::verify::exit_of(denial),
        Answer::Broken(_) => Exit::NotVerified,
        Answer::Decided(decided) => match &decided.verdict {
            Verdict::Allow(_) => Exit::Done,
            Verdict::Deny(denial) => flow::exit_of(denial),
        },
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
