use std::collections::BTreeMap;
use std::path::Path;

use perry_sandbox_build::{BuildsError, Context, Keys, Maker};
use perry_sandbox_compose::Problems;
use perry_sandbox_engine::{Event, Events as _, Happened, Interrupt};
use perry_sandbox_pipeline::Pipeline;
use perry_sandbox_policy::{AllowedBuild, ServiceName, SignerName};
use perry_sandbox_runner::{BuildCache, BuildError, BuildOrder, BuildPull, Builder, Building};
use perry_sandbox_stack::{BuildDemand, RefusedField};

use super::build_args::{BuildArgs, BuildHow};
use super::exec::variables;
use super::progress::Lines;
use super::signals::listen;
use crate::args::{Cli, Progress};
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::planner::{Builders, DeskArgs, Question, steps};

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

/// What is built of one service.
struct Wanted<'a> {
    name: &'a str,
    service: &'a ServiceName,
    build: &'a BuildDemand,
    allowed: AllowedBuild,
}

/// Builds the images of all services that have a build. All are decided before any is built, and one "no" is enough.
pub(super) fn build_all(
    question: &Question,
    pipeline: &Pipeline,
    (desks, how): (&DeskArgs, &BuildHow),
    progress: Progress,
) -> Result<Exit, Failure> {
    let builders = Builders::of(question, pipeline, desks)?;
    let (mut wanted, mut denied) = (Vec::new(), false);
    let mut refused: Vec<&RefusedField> = Vec::new();
    for name in question.order.start() {
        let Some((demand, build)) = builders.services.get(name) else { continue };
        let Some(service) = &demand.service else { continue };
        match builders.decided.get(name) {
            Some(Ok(allowed)) => {
                refused.extend(&build.refused);
                wanted.push(Wanted { name, service, build, allowed: allowed.clone() });
            }
            Some(Err(denial)) => {
                denied = true;
                for reason in denial.iter() {
                    let remedy = reason.remedy.as_ref().map_or_else(String::new, |text| format!(" ({text})"));
                    output::note(&format!("{name}  denied\n    {reason}{remedy}"));
                }
            }
            None => {}
        }
    }
    if !refused.is_empty() {
        let list = refused.into_iter().map(RefusedField::problem).collect();
        output::problems(&Problems::new(list, question.stack.sources.clone()));
        return Ok(Exit::Refused);
    }
    if denied {
        output::note("nothing was built");
        return Ok(Exit::Refused);
    }
    let variables = question.request.environment.clone().into_iter().collect();
    let mut orders = Vec::new();
    for one in wanted {
        let order = order(pipeline, &one, how, &variables)?;
        orders.push((one, order));
    }
    let interrupt = listen()?;
    let lines = Lines::new(progress);
    for (one, order) in &orders {
        make(pipeline, (one, order), how, (&lines, progress), &interrupt)?;
    }
    Ok(Exit::Done)
}

fn order(
    pipeline: &Pipeline,
    one: &Wanted<'_>,
    how: &BuildHow,
    own: &BTreeMap<String, String>,
) -> Result<BuildOrder, Failure> {
    let Wanted { build, allowed, .. } = one;
    let context = Context::read(Path::new(&build.context), &steps(build))?;
    pipeline.check_context(context.folder())?;
    let mut args = build.args.clone();
    args.extend(variables(("--build-arg", &how.build_arg), own)?);
    Ok(BuildOrder {
        context: context.folder().to_owned(),
        dockerfile: context.steps().to_owned(),
        args,
        target: build.target.clone(),
        labels: build.labels.clone(),
        platform: build.platform.clone(),
        network: build.network(allowed.network),
        cache: if how.no_cache || build.no_cache { BuildCache::Ignore } else { BuildCache::Use },
        pull: if how.pull || build.pull { BuildPull::Always } else { BuildPull::Missing },
    })
}

fn make(
    pipeline: &Pipeline,
    (one, order): (&Wanted<'_>, &BuildOrder),
    how: &BuildHow,
    (lines, progress): (&Lines, Progress),
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let environment = pipeline.environment();
    let tools = (&environment.tools, environment.runtime_dir.as_path());
    let builder = Builder::find(tools.0, tools.1, how.builder, order).map_err(BuildsError::from)?;
    let what = format!("build {} by {}", one.name, builder.kind());
    let happened = |happened| lines.tell(Event { what: what.clone(), happened });
    happened(Happened::Begun);
    let tell = |line: &str| {
        if !matches!(progress, Progress::Quiet | Progress::Json) {
            output::note(&format!("{} | {line}", one.name));
        }
    };
    let go_on = || !interrupt.is_asked();
    let building = Building { tell: &tell, go_on: &go_on };
    let made =
        Maker::below(&environment.data_dir).make(one.service, &one.allowed, (&builder, order), &building);
    match made {
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
