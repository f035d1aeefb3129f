use serde_json::json;

use super::args::ExplainArgs;
use super::question::{Question, exit_of};
use super::report::verdicts;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Says of one service what the desks say, line by line.
pub(crate) fn explain(cli: &Cli, args: &ExplainArgs) -> Result<Exit, Failure> {
    let services = std::slice::from_ref(&args.service);
    let mut question = Question::read(cli, services)?;
    question.demands.services.retain(|name, _| *name == args.service);
    let pipeline = question.pipeline(&args.desks)?;
    let lock = question.lock()?;
    let judged = question.judged(&pipeline, &args.desks, lock.as_ref())?;
    if let Some(problems) = question.demands.problems(&question.stack) {
        output::problems(&problems);
    }
    let explained = judged.first().and_then(|one| one.explanation.as_ref());
    if args.json {
        let refused = question.demands.all_refused();
        let sources = &question.stack.sources;
        let report = json!({
            "schema": "perry-sandbox/compose-explain/v1",
            "service": args.service,
            "verdict": judged.first().map(perry_sandbox_stack::Judged::to_json),
            "explanation": explained.map(perry_sandbox_policy::Explanation::to_json),
            "refused": refused.iter().map(|field| field.to_json(sources)).collect::<Vec<_>>(),
        });
        output::lines([format!("{report:#}")])?;
    } else {
        let text = match explained {
            Some(explanation) => explanation.to_text(false),
            None => verdicts(&question.demands, &judged),
        };
        output::lines([output::printable(text.trim_end())])?;
        for repository in judged.iter().filter_map(|one| one.built.as_ref()) {
            output::note(&format!(
                "note: the image was built on this machine, and signed by a key of it as {repository}"
            ));
        }
        for note in question.demands.services.values().flat_map(|demand| &demand.notes) {
            output::note(&format!("note: {note}"));
        }
    }
    Ok(exit_of(&question.demands, &judged))
}
