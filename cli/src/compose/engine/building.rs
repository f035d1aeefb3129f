use std::collections::BTreeMap;

use perry_sandbox_build::{BuildsError, Keys};
use perry_sandbox_compose::Problems;
use perry_sandbox_engine::{Event, Events as _, Happened, Interrupt};
use perry_sandbox_pipeline::Pipeline;
use perry_sandbox_policy::SignerName;
use perry_sandbox_runner::{BuildCache, BuildError, BuildPull, Building};
use perry_sandbox_stack::{BuildWords, Builders, MakingError, NoBuild, ReadyBuild};

use super::build_args::{BuildArgs, BuildHow};
use super::exec::variables;
use super::progress::Lines;
use super::signals::listen;
use crate::args::{Cli, Progress};
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::planner::{DeskArgs, Question};

/// Builds images of services, and signs them by a key of this machine.
pub(crate) fn build(cli: &Cli, args: &BuildArgs) -> Result<Exit, Failure> {
    if args.push {
        let why = "--push: what a key of this machine signs is for this machine: have it built and signed elsewhere";
        return Err(Failure::Usage(why.to_owned()));
    }
    let question = match &args.generate_key {
        Some(name) => return generate(cli, args, name),
        None => Question::scaled(cli, &args.services, &[], !args.with_dependencies)?,
    };
    let pipeline = question.pipeline(&args.desks)?;
    let progress = if args.quiet { Progress::Quiet } else { cli.progress };
    let exit = build_all(&question, &pipeline, (&args.desks, &args.how), progress)?;
    if question.demands.services.values().all(|demand| demand.build.is_none()) {
        output::note("warning: no service that was asked for has a build");
    }
    Ok(exit)
}

/// Makes a key, and says what a policy needs to know of it.
fn generate(cli: &Cli, args: &BuildArgs, name: &SignerName) -> Result<Exit, Failure> {
    let variables: BTreeMap<String, String> =
        crate::config::request(cli, perry_sandbox_compose::Options::default())?
            .environment
            .into_iter()
            .collect();
    let site = super::site::Site::open(&variables, args.desks.data_dir.as_deref())?;
    let public = Keys::below(&site.pipeline.environment().data_dir).generate(name)?;
    output::note("made; a policy that trusts what is built here has these lines:");
    output::lines([format!("[signer.{name}]"), format!("public-key = {:?}", public.display().to_string())])?;
    Ok(Exit::Done)
}

/// Builds the images of all services that have a build. All are decided before any is built, and one "no" is enough.
pub(super) fn build_all(
    question: &Question,
    pipeline: &Pipeline,
    (desks, how): (&DeskArgs, &BuildHow),
    progress: Progress,
) -> Result<Exit, Failure> {
    let builders = Builders::of(&question.demands, pipeline, &desks.policy())?;
    let recipes = match builders.recipes(question.order.start()) {
        Ok(recipes) => recipes,
        Err(no) => {
            refuse(question, &no);
            return Ok(Exit::Refused);
        }
    };
    let own = question.request.environment.clone().into_iter().collect();
    let words = BuildWords {
        args: variables(("--build-arg", &how.build_arg), &own)?,
        cache: if how.no_cache { BuildCache::Ignore } else { BuildCache::Use },
        pull: if how.pull { BuildPull::Always } else { BuildPull::Missing },
    };
    let ready = recipes.into_iter().map(|recipe| recipe.ready(pipeline, &words, how.builder));
    let ready = ready.collect::<Result<Vec<_>, _>>().map_err(|error| match error {
        MakingError::Pipeline(error) => Failure::from(error),
        MakingError::Builds(error) => Failure::from(error),
    })?;
    let interrupt = listen()?;
    let lines = Lines::new(progress);
    for one in &ready {
        make(pipeline, one, (&lines, progress), &interrupt)?;
    }
    Ok(Exit::Done)
}

/// Tells why nothing is built.
fn refuse(question: &Question, no: &NoBuild<'_>) {
    for (name, denial) in &no.denied {
        for reason in denial.iter() {
            let remedy = reason.remedy.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
            output::note(&format!("{name}  denied\n    {reason}{remedy}"));
        }
    }
    if no.refused.is_empty() {
        output::note("nothing was built");
    } else {
        let list = no.refused.iter().map(|field| field.problem()).collect();
        output::problems(&Problems::new(list, question.stack.sources.clone()));
    }
}

fn make(
    pipeline: &Pipeline,
    ready: &ReadyBuild<'_>,
    (lines, progress): (&Lines, Progress),
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let recipe = ready.recipe();
    let what = format!("build {} by {}", recipe.name(), ready.builder());
    let happened = |happened| lines.tell(Event { what: what.clone(), happened });
    happened(Happened::Begun);
    let tell = |line: &str| {
        if !matches!(progress, Progress::Quiet | Progress::Json) {
            output::note(&format!("{} | {line}", recipe.name()));
        }
    };
    let go_on = || !interrupt.is_asked();
    let building = Building { tell: &tell, go_on: &go_on };
    match ready.make(pipeline, &building) {
        Ok(_) => happened(Happened::Done),
        Err(error) => {
            happened(Happened::Failed("nothing was built".to_owned()));
            return Err(error.into());
        }
    }
    Ok(())
}

/// Whether somebody asked to stop while something was built.
pub(crate) const fn is_interrupted(error: &BuildsError) -> bool {
    matches!(error, BuildsError::Build(BuildError::Interrupted))
}
