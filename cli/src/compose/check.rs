//! `check`: the auditor, on the project as it would run.

use clap::Args;
use perry_sandbox_audit::{Answer, Denied, Ignores, Input, Request, Settings, audit};
use perry_sandbox_compose::Options;
use perry_sandbox_stack::{Judged, Judgement};

use crate::args::Cli;
use crate::audit::{DiskHost, ReportArgs};
use crate::config::request;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::planner::{DeskArgs, Question};

/// Bytes of `audit.toml`.
const LARGEST: u64 = 1 << 20;

/// `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    desks: DeskArgs,

    #[command(flatten)]
    report: ReportArgs,
}

/// Audits the project; with `--policy`, every service is asked about as well.
pub(crate) fn check(cli: &Cli, args: &CheckArgs) -> Result<Exit, Failure> {
    let request = request(cli, Options::default())?;
    let denied = if args.desks.names_a_policy() { asked(cli, args) } else { Ok(Vec::new()) };
    let host = DiskHost::of(&request);
    let ignores = Ignores { settings: settings()?, baseline: None };
    let report = audit(&Request {
        inputs: &[Input::Project(Box::new(request.clone()))],
        host: &host,
        project: &request,
        persona: args.report.persona(),
        ignores: &ignores,
        denied: denied.as_deref().unwrap_or_default(),
        today: jiff::Zoned::now().date(),
    });
    let colour = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let text = args.report.rendered(&report, colour).map_err(|error| Failure::Output(error.into()))?;
    output::lines([text.trim_end()])?;
    // What keeps the policy from being asked is told after what was found without it.
    denied?;
    Ok(Exit::Code(args.report.verdict(&report).code()))
}

fn asked(cli: &Cli, args: &CheckArgs) -> Result<Vec<Denied>, Failure> {
    let question = Question::read(cli, &[])?;
    let pipeline = question.pipeline(&args.desks)?;
    let lock = question.lock()?;
    let judged = question.judged(&pipeline, &args.desks, lock.as_ref())?;
    Ok(judged.iter().flat_map(denials).collect())
}

/// What was said against a service, reason by reason.
fn denials(judged: &Judged) -> Vec<Denied> {
    let one = |answer: Answer, code: &str, message: String| Denied {
        service: judged.service.clone(),
        answer,
        code: code.to_owned(),
        message,
    };
    match &judged.judgement {
        Judgement::Allowed(_) => Vec::new(),
        Judgement::Denied(reasons) => {
            reasons.iter().map(|reason| one(Answer::No, reason.code.as_str(), reason.to_string())).collect()
        }
        Judgement::Failed(..)
            if !judged.judgement.is_of_the_policy() && !judged.judgement.is_of_the_verifier() =>
        {
            judged.judgement.reasons().into_iter().map(|text| one(Answer::Unknown, "unknown", text)).collect()
        }
        other @ (Judgement::Unlike(_) | Judgement::NotVerified(_) | Judgement::Failed(..)) => {
            other.reasons().into_iter().map(|text| one(Answer::No, other.word(), text)).collect()
        }
    }
}

/// The team's `audit.toml`, if the current folder has one.
fn settings() -> Result<Option<Settings>, Failure> {
    let path = std::path::Path::new("audit.toml");
    if !path.is_file() {
        return Ok(None);
    }
    let bytes =
        perry_sandbox_pipeline::read(path, LARGEST).map_err(|error| Failure::Usage(error.to_string()))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::Usage("`audit.toml` is not text in UTF-8".to_owned()))?;
    let settings = Settings::parse("audit.toml", &text).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Some(settings))
}
