use std::collections::BTreeSet;

use perry_sandbox_engine::{
    Act, Begins, Event, Events as _, Happened, Recreate, Until, Up, Work, reconcile, run,
};

use super::allowed::{Asked, ask};
use super::args::UpArgs;
use super::build_args::BuildHow;
use super::building::build_all;
use super::make_args::{CreateArgs, PullArgs, ScaleArgs};
use super::progress::Lines;
use super::signals::listen;
use super::site::{self, PATIENCE, Site, Whose};
use super::up::{backend, desired, failed, how, options, refuse_other_backend, up};
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::planner::Question;

/// Makes sandboxes, networks and volumes, and starts nothing.
pub(crate) fn create(cli: &Cli, args: &CreateArgs) -> Result<Exit, Failure> {
    create_as(cli, &args.as_up())
}

/// As `up` without its starts. What fails is undone.
pub(crate) fn create_as(cli: &Cli, args: &UpArgs) -> Result<Exit, Failure> {
    let question = Question::scaled(cli, &args.services, &args.scale, args.no_deps)?;
    let whose = Whose::of(&question);
    let site = Site::open(&whose.variables, args.desks.data_dir.as_deref())?;
    if args.build {
        let exit = build_all(&question, &site.pipeline, (&args.desks, &BuildHow::default()), cli.progress)?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    let judged = match ask(&question, &site, &args.desks)? {
        Asked::Allowed(judged) => judged,
        Asked::Refused(exit) => return Ok(exit),
    };
    let desired = desired(&question, &judged, args)?;
    let backend = backend(&desired, &judged)?;
    let look = site.look(&backend);
    let secrets = |service: &str| site::secrets_of(&question.stack, &whose.variables, service);
    let machine = site.machine(&look, &secrets)?.only_creating();
    let held = site.projects.hold(&desired.project.name, "create", PATIENCE)?;
    refuse_other_backend(&site, &desired, &backend)?;
    let run_id = site::run_id()?;
    let seen = site::seen(&machine, &desired.project.name)?;
    let how = how(args);
    // What runs is ended for nothing that does not run.
    let how = if args.force_recreate { how } else { Up { recreate: Recreate::Never, ..how } };
    let work = without_starts(reconcile(&desired, &seen, how, &run_id)?, args.force_recreate);
    let journal = held.begin(&run_id)?;
    held.remember(&site::memory(&question, &backend))?;
    let interrupt = listen()?;
    let lines = Lines::new(cli.progress);
    let ran = run(&machine, &desired, &work, &journal, (options(cli, args), &interrupt), &lines);
    drop(lines);
    match ran {
        Ok(_) => Ok(Exit::Done),
        Err(error) => Ok(failed(&error, false)),
    }
}

/// What is there stays as it is, and nothing is waited for that does not run. What runs is ended only where what it needs is
/// made anew.
fn without_starts(mut work: Work, anew: bool) -> Work {
    let again: BTreeSet<String> = work.starts_again().into_iter().map(str::to_owned).collect();
    for step in &mut work.steps {
        if let Act::Stop { id, name, .. } = &step.act
            && !anew
            && again.contains(id)
        {
            step.act = Act::Keep { id: id.clone(), name: name.clone() };
        }
        if let Act::StartAgain { id, name, .. } | Act::GoOn { id, name } = &step.act {
            step.act = Act::Keep { id: id.clone(), name: name.clone() };
        }
        if let Act::Start { begins, .. } = &mut step.act {
            *begins = Begins::Created;
        }
        for after in &mut step.after {
            after.until = Until::Started;
        }
    }
    work
}

/// Brings services to other numbers of replicas.
pub(crate) fn scale(cli: &Cli, args: &ScaleArgs) -> Result<Exit, Failure> {
    let name = |text: &String| text.split_once('=').map_or(text.as_str(), |(name, _)| name).to_owned();
    let named: Vec<String> = args.scale.iter().map(name).collect();
    let words = UpArgs::detached(args.desks.clone(), named);
    // Those that are there and have changed are no matter of numbers.
    up(cli, &UpArgs { scale: args.scale.clone(), no_deps: args.no_deps, no_recreate: true, ..words })
}

/// Brings the images of services here, of those that policy and verifier allow.
pub(crate) fn pull(cli: &Cli, args: &PullArgs) -> Result<Exit, Failure> {
    let question = Question::scaled(cli, &args.services, &[], !args.include_deps)?;
    let whose = Whose::of(&question);
    let site = Site::open(&whose.variables, args.desks.data_dir.as_deref())?;
    let judged = match ask(&question, &site, &args.desks)? {
        Asked::Allowed(judged) => judged,
        Asked::Refused(exit) => return Ok(exit),
    };
    let desired = desired(&question, &judged, &UpArgs::detached(args.desks.clone(), Vec::new()))?;
    let look = site.own();
    let secrets = site::no_secrets;
    let machine = site.machine(&look, &secrets)?;
    let lines = Lines::new(if args.quiet { crate::args::Progress::Quiet } else { cli.progress });
    let (mut done, mut exit) = (BTreeSet::new(), Exit::Done);
    for unit in desired.units.iter().filter(|unit| done.insert(unit.service.as_str())) {
        let tell = |happened| lines.tell(Event { what: format!("pull {}", unit.service), happened });
        tell(Happened::Begun);
        match machine.fetch(unit) {
            Ok(()) => tell(Happened::Done),
            Err(error) => {
                exit = Exit::Failure;
                output::note(&format!("error: {}: {error}", unit.service));
            }
        }
    }
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use perry_sandbox_engine::{After, Step, StopHow};

    use super::*;

    #[test]
    fn nothing_is_started_or_waited_for_when_things_are_only_made() {
        let (id, name, service) = ("1".to_owned(), "db".to_owned(), "db".to_owned());
        let again = Step { number: 1, act: Act::StartAgain { id, name, service }, after: Vec::new() };
        let after = vec![After { step: 1, until: Until::Healthy, required: true }];
        let start = Step {
            number: 2,
            act: Act::Start { unit: 0, name: "web".to_owned(), begins: Begins::First },
            after,
        };
        let stop = Act::Stop {
            id: "1".to_owned(),
            name: "db".to_owned(),
            how: StopHow::default(),
            service: "db".to_owned(),
        };
        let stop = Step { number: 3, act: stop, after: Vec::new() };
        let work = Work { steps: vec![again, start, stop], ..Work::default() };
        let kept = without_starts(work.clone(), false).to_string();
        assert_eq!(kept, "1  keep db\n2  create web  after 1\n3  keep db\n");
        assert!(without_starts(work, true).to_string().contains("stop db"));
    }
}
