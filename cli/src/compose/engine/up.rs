use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use perry_sandbox_engine::{
    Desired, Interrupt, Machine, OnFailure, Options, Recreate, Replica, Role, Seen, StepError, Up, UpError,
    Work, fetch, reconcile, run,
};
use perry_sandbox_stack::{Asked, Judged, desire, shared_backend};
use serde_json::json;

use super::allowed::{self, ask};
use super::args::{PullWhen, UpArgs};
use super::attach;
use super::build_args::BuildHow;
use super::building::build_all;
use super::progress::Lines;
use super::signals::listen;
use super::site::{self, Site, Whose};
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::planner::Question;

/// Brings a project up: every service is allowed and verified before anything else, and what fails is undone.
pub(crate) fn up(cli: &Cli, args: &UpArgs) -> Result<Exit, Failure> {
    let begun = Timestamp::now();
    let mut question = Question::scaled(cli, &args.services, &args.scale, args.no_deps)?;
    question.pull(args.pull.and_then(PullWhen::chosen));
    let whose = Whose::of(&question);
    let site = Site::open(&whose.variables, args.desks.data_dir.as_deref())?;
    if args.build {
        let exit = build_all(&question, &site.pipeline, (&args.desks, &BuildHow::default()), cli.progress)?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    let judged = match ask(&question, &site, &args.desks)? {
        allowed::Asked::Allowed(judged) => judged,
        allowed::Asked::Refused(exit) => return Ok(exit),
    };
    let desired = desired(&question, &judged, args)?;
    refuse_unknown(&desired, args)?;
    let backend = backend(&desired, &judged)?;
    let backends = site.look(&backend);
    let secrets = |service: &str| {
        if question.stack.services.contains_key(service) {
            return site::secrets_of(&question.stack, &whose.variables, service);
        }
        // One that nobody asks for now, and that shares the network of one that is made anew.
        site::secrets_there(&question.all_secrets, &whose.variables)
    };
    let machine = site.machine(&backends, &secrets)?;
    let held = site.projects.hold(&desired.project.name, "up", Duration::from_secs(args.wait_timeout))?;
    refuse_other_backend(&site, &desired, &backend)?;
    let run_id = site::run_id()?;
    let seen = site::seen(&machine, &desired.project.name)?;
    let work = reconcile(&desired, &seen, how(args), &run_id)?;
    warn_of_orphans(&desired, &seen, args);
    if args.dry_run {
        return print(&work, args).map(|()| Exit::Done);
    }
    // Nothing is ended that could not be started again.
    let mut services = question.stack.services.keys();
    services.try_for_each(|service| secrets(service).map(drop)).map_err(Failure::Secret)?;
    check_others(&machine, &question, &whose, (&seen, &work))?;
    let journal = held.begin(&run_id)?;
    held.remember(&site::memory(&question, &backend))?;
    let interrupt = listen()?;
    let lines = Lines::new(cli.progress);
    if !fetch(&machine, &desired, &work, &interrupt)? {
        return Ok(Exit::Interrupted);
    }
    let options = options(cli, args);
    let ran = run(&machine, &desired, &work, &journal, (options, &interrupt), &lines);
    // What is said from here on is said below what was drawn.
    drop(lines);
    let ids = match ran {
        Ok(ids) => ids,
        Err(error) => return Ok(failed(&error, args.keep_failed)),
    };
    drop((journal, held));
    let running: Vec<(String, String)> =
        desired.units.iter().zip(ids).filter_map(|(unit, id)| Some((unit.service.clone(), id?))).collect();
    after(&machine, &running, (args, begun), &interrupt)
}

/// Refuses what would end one that nobody asks for now, and that could not be started again: it shares the network of one
/// that is made anew.
fn check_others(
    machine: &Machine<'_>,
    question: &Question,
    whose: &Whose,
    (seen, work): (&Seen, &Work),
) -> Result<(), Failure> {
    let starts = work.starts_again();
    let is_other = |one: &&Replica| {
        let service = one.member.service.as_str();
        one.member.secrets
            && starts.contains(one.id.as_str())
            && !question.stack.services.contains_key(service)
    };
    let mut others = seen.replicas.iter().filter(is_other).peekable();
    if others.peek().is_none() {
        return Ok(());
    }
    let values = site::secrets_there(&question.all_secrets, &whose.variables).map_err(Failure::Secret)?;
    for one in others {
        let service = &one.member.service;
        if let Some(missing) = site::missing_secret(machine.sandboxes(), one, &values)? {
            return Err(Failure::Secret(format!(
                "`{service}` would be started again, as it shares the network of what is made anew, and there is no value of its secret `{missing}` here: give it, or bring that service down first"
            )));
        }
    }
    Ok(())
}

fn refuse_unknown(desired: &Desired, args: &UpArgs) -> Result<(), Failure> {
    let unknown = |name: &&String| !desired.units.iter().any(|unit| unit.service == **name);
    match args.exit_code_from.as_ref().filter(unknown) {
        Some(name) => Err(Failure::NoService(name.clone())),
        None => Ok(()),
    }
}

/// What is done once all services are up.
fn after(
    machine: &Machine<'_>,
    running: &[(String, String)],
    (args, begun): (&UpArgs, Timestamp),
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    if args.detach || args.wait {
        return Ok(Exit::Done);
    }
    attach::follow(machine, running, (args, begun), interrupt)
}

pub(super) fn how(args: &UpArgs) -> Up {
    let recreate = match (args.force_recreate, args.no_recreate) {
        (true, _) => Recreate::Always,
        (false, true) => Recreate::Never,
        (false, false) => Recreate::Changed,
    };
    Up { recreate, remove_orphans: args.remove_orphans }
}

pub(super) fn options(cli: &Cli, args: &UpArgs) -> Options {
    let default = Options::default();
    Options {
        parallel: usize::try_from(cli.parallel).ok().filter(|most| *most > 0).unwrap_or(default.parallel),
        patience: Duration::from_secs(args.wait_timeout),
        wait: args.wait,
        failure: if args.keep_failed { OnFailure::Leave } else { OnFailure::UndoAll },
    }
}

pub(super) fn desired(question: &Question, judged: &[Judged], args: &UpArgs) -> Result<Desired, Failure> {
    let mut hashes = BTreeMap::new();
    for name in question.stack.services.keys() {
        if let Some(hash) = question.project.service_hash(name)? {
            hashes.insert(name.clone(), hash);
        }
    }
    let (policy, signer, access) = (args.desks.policy(), args.desks.signer(), args.desks.access());
    let origin = site::origin(&question.project.folder);
    let asked = Asked { policy: &policy, signer: &signer, access: &access, origin: &origin, hashes: &hashes };
    let mut desired = desire(&question.stack, &question.demands, &question.order, judged, asked)?;
    desired.services.clone_from(&question.all_services);
    Ok(desired)
}

/// The one backend that has the networks and volumes; services that need none may be elsewhere.
pub(super) fn backend(desired: &Desired, judged: &[Judged]) -> Result<String, Failure> {
    shared_backend(desired, judged).map_err(|split| Failure::Backends { one: split.one, other: split.other })
}

/// What a project has on one backend is not seen from another.
pub(super) fn refuse_other_backend(site: &Site, desired: &Desired, backend: &str) -> Result<(), Failure> {
    Ok(perry_sandbox_engine::Site::new(&site.pipeline).refuse_other_backend(desired, backend)?)
}

fn warn_of_orphans(desired: &Desired, seen: &Seen, args: &UpArgs) {
    let orphans: Vec<&str> = seen
        .replicas
        .iter()
        .filter(|one| one.member.role == Role::Replica && !desired.services.contains(&one.member.service))
        .map(|one| one.name.as_str())
        .collect();
    if !orphans.is_empty() && !args.remove_orphans {
        let names = orphans.join(", ");
        output::note(&format!(
            "warning: of services that the project has no more: {names} (`--remove-orphans` removes them)"
        ));
    }
}

fn print(work: &Work, args: &UpArgs) -> Result<(), Failure> {
    if args.json {
        let report = json!({ "schema": "perry-sandbox/compose-work/v1", "work": work });
        return output::lines([format!("{report:#}")]);
    }
    if work.is_nothing() {
        return output::lines(["nothing is to be done"]);
    }
    output::text(&output::printable(&work.to_string()))
}

pub(super) fn failed(error: &UpError, kept: bool) -> Exit {
    output::note(&format!("error: {error}"));
    for left in &error.left {
        output::note(&format!("left: {}: {}", left.what, left.why));
    }
    if error.cause == StepError::Interrupted {
        return Exit::Interrupted;
    }
    if error.step.is_none() || kept {
        // Nothing is rolled back: what is up stays, or what failed does.
        return Exit::Failure;
    }
    if error.left.is_empty() {
        output::note("all that this run had made is undone");
    }
    Exit::RolledBack
}
