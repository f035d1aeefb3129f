use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use perry_sandbox_engine::{
    Act, After, Begins, Desired, Interrupt, Machine, Replica, Role, Seen, Step, Until, Up, Wait, Work,
    World as _, reconcile, run as take, stop_heeding,
};
use perry_sandbox_pipeline::Upkeep;
use perry_sandbox_policy::Terminal;
use perry_sandbox_runner::{Input, LogEnd, LogStream, SandboxId};
use perry_sandbox_stack::waits;
use signal_hook::consts::SIGINT;

use super::allowed::{Asked, ask};
use super::args::UpArgs;
use super::build_args::BuildHow;
use super::building::build_all;
use super::exec::variables;
use super::program_args::RunArgs;
use super::progress::Lines;
use super::signals::listen;
use super::site::{self, PATIENCE, Site, Whose};
use super::up::{backend, desired, failed, options, refuse_other_backend, up};
use super::waiting::code;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};
use crate::planner::Question;
use crate::terminal;

/// How often it is looked whether the user has had enough.
const BREATH: Duration = Duration::from_millis(100);

/// Runs a program once, with a service's image and settings, beside the services that it depends on.
pub(crate) fn run(cli: &Cli, args: &RunArgs) -> Result<Exit, Failure> {
    let mut question = Question::read(cli, std::slice::from_ref(&args.service))?;
    let service = question.stack.services.get(&args.service);
    let service = service.ok_or_else(|| Failure::NoService(args.service.clone()))?;
    let waits = if args.no_deps { Vec::new() } else { waits(service) };
    let whose = Whose::of(&question);
    question.keep_only(&args.service)?;
    change(&mut question, args, &whose.variables)?;
    let site = Site::open(&whose.variables, args.desks.data_dir.as_deref())?;
    if args.build {
        let exit = build_all(&question, &site.pipeline, (&args.desks, &BuildHow::default()), cli.progress)?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    // Nothing is brought up for a program that is not allowed.
    let judged = match ask(&question, &site, &args.desks)? {
        Asked::Allowed(judged) => judged,
        Asked::Refused(exit) => {
            if args.user.is_some() || !args.publish.is_empty() || !args.env.is_empty() {
                output::note(
                    "what this run was given beside the files `plan` does not know: write it into the files first, or add it to the policy by hand",
                );
            }
            return Ok(exit);
        }
    };
    if !waits.is_empty() {
        let needed = waits.iter().map(|wait| wait.service.to_string()).collect();
        let exit = up(cli, &UpArgs::detached(args.desks.clone(), needed))?;
        if exit != Exit::Done {
            return Ok(exit);
        }
    }
    let run_id = site::run_id()?;
    let up_args = UpArgs::detached(args.desks.clone(), Vec::new());
    let mut wanted = desired(&question, &judged, &up_args)?;
    let backend = backend(&wanted, &judged)?;
    let project = wanted.project.name.clone();
    name(&mut wanted, args, &run_id);
    let look = site.look(&backend);
    let secrets = |service: &str| site::secrets_of(&question.stack, &whose.variables, service);
    // Looked at now: when the program runs it is too late to refuse.
    let window = args.tty.then(terminal::usable).transpose().map_err(|error| Failure::terminal(&error))?;
    let machine = site.machine(&look, &secrets)?.one_off(input(args)?, window.unwrap_or_default());
    let held = site.projects.hold(&project, "run", PATIENCE)?;
    refuse_other_backend(&site, &wanted, &backend)?;
    let seen = site::seen(&machine, &project)?;
    let work = steps(&wanted, &seen, &waits, &run_id)?;
    let journal = held.begin(&run_id)?;
    held.remember(&site::memory(&question, &backend))?;
    let interrupt = listen()?;
    let how = (options(cli, &up_args), &*interrupt);
    let ran = take(&machine, &wanted, &work, &journal, how, &Lines::new(cli.progress));
    let ids = match ran {
        Ok(ids) => ids,
        Err(error) => return Ok(failed(&error, false)),
    };
    drop((journal, held));
    let id = ids.into_iter().flatten().next().ok_or_else(|| Failure::NoService(args.service.clone()))?;
    if args.detach {
        return output::lines([id]).map(|()| Exit::Done);
    }
    stay(&machine, id, args, &interrupt)
}

/// Stays with it until it has ended; its code.
fn stay(machine: &Machine<'_>, id: String, args: &RunArgs, interrupt: &Interrupt) -> Result<Exit, Failure> {
    let raw = args.tty.then(terminal::raw).transpose().map_err(|error| Failure::terminal(&error))?;
    let code = follow(machine, &id, interrupt)?;
    drop(raw);
    if args.rm {
        machine.remove(&id).map_err(|source| Failure::Left { what: id, source })?;
    }
    Ok(Exit::Code(code))
}

/// What the program is asked to be otherwise than the service.
fn change(question: &mut Question, args: &RunArgs, own: &BTreeMap<String, String>) -> Result<(), Failure> {
    let no_service = || Failure::NoService(args.service.clone());
    let service = question.stack.services.get_mut(&args.service).ok_or_else(no_service)?;
    service.replicas = 1;
    let demand = question.demands.services.get_mut(&args.service).ok_or_else(no_service)?;
    if let Some(program) = &args.entrypoint {
        demand.entrypoint = Some(program.clone());
        demand.args.clear();
    }
    if !args.command.is_empty() {
        demand.args.clone_from(&args.command);
    }
    demand.env.extend(variables(("--env", &args.env), own)?);
    if let Some(folder) = &args.workdir {
        demand.working_dir = Some(folder.clone());
    }
    if let Some(numbers) = args.user {
        demand.run_as(numbers, service.span);
    }
    if !args.service_ports {
        demand.project.publish.clear();
    }
    demand.project.publish.extend(args.publish.iter().cloned());
    for network in &mut demand.project.networks {
        // These are the replicas' own.
        network.aliases.clear();
        network.address = None;
    }
    demand.terminal = Terminal::when(args.tty);
    Ok(())
}

/// Its own name, and no restarts: whoever waits for it waits for its first end.
fn name(wanted: &mut Desired, args: &RunArgs, run: &str) {
    let project = &wanted.project.name;
    for unit in &mut wanted.units {
        let name = format!("{project}-{}-run-{run}", unit.service);
        let fits = |name: &String| name.parse::<perry_sandbox_runner::SandboxName>().is_ok();
        unit.name = args.name.clone().or_else(|| Some(name).filter(fits));
        unit.upkeep = Upkeep::default();
    }
}

/// What it reads: ours, unless nobody stays to write it.
fn input(args: &RunArgs) -> Result<Input, Failure> {
    if args.detach {
        return Ok(Input::Null);
    }
    let own = io::stdin().as_fd().try_clone_to_owned();
    own.map(Input::Descriptor).map_err(|error| Failure::Terminal(error.to_string()))
}

/// The steps: networks and volumes that are missing, then the program, once what it waits for is as far as it must be.
fn steps(wanted: &Desired, seen: &Seen, waits: &[Wait], run: &str) -> Result<Work, Failure> {
    let alone = Desired { units: Vec::new(), ..wanted.clone() };
    let mut work = reconcile(&alone, seen, Up::default(), run)?;
    let made = |step: &Step| After { step: step.number, until: Until::Started, required: true };
    let mut after: Vec<After> = work.steps.iter().map(made).collect();
    for wait in waits {
        let of_service =
            |one: &&Replica| *one.member.service == *wait.service && one.member.role == Role::Replica;
        for one in seen.replicas.iter().filter(of_service) {
            let number = work.steps.len().saturating_add(1);
            let keep = Act::Keep { id: one.id.clone(), name: one.name.clone() };
            work.steps.push(Step { number, act: keep, after: Vec::new() });
            after.push(After { step: number, until: wait.until, required: wait.required });
        }
    }
    let name = wanted.units.first().and_then(|unit| unit.name.clone()).unwrap_or_else(|| "run".to_owned());
    let number = work.steps.len().saturating_add(1);
    work.steps.push(Step { number, act: Act::Start { unit: 0, name, begins: Begins::First }, after });
    work.units.push(number);
    Ok(work)
}

/// Shows what it writes until it has ended; its code. An interrupt ends it, a second kills it.
fn follow(machine: &Machine<'_>, id: &str, interrupt: &Interrupt) -> Result<u8, Failure> {
    let sandbox: SandboxId = id.parse().map_err(|_| Failure::NoService(id.to_owned()))?;
    let mut logs = machine.sandboxes().logs(&sandbox, None, true)?;
    thread::scope(|scope| {
        let (mut heeded, mut is_read) = (false, true);
        while let Ok(end) = logs.next_within(BREATH) {
            if interrupt.is_asked() && !heeded {
                heeded = true;
                // To a program in the foreground ^C is what it is, whatever ends its service. Whether that could be ended is
                // seen by whether it ends.
                let mut how = machine.stop_how(id);
                how.signal = interrupt.signal().filter(|signal| *signal == SIGINT).or(how.signal);
                scope.spawn(move || stop_heeding(machine, id, how, interrupt).ok());
            }
            match end {
                // One who has stopped reading does not end it.
                LogEnd::Chunk(chunk) if is_read => {
                    is_read = output::raw(chunk.stream == LogStream::Stderr, &chunk.bytes);
                }
                LogEnd::Chunk(_) | LogEnd::Quiet => {}
                LogEnd::End => break,
            }
        }
    });
    loop {
        match code(machine, &sandbox) {
            Some(code) => return Ok(code),
            None => thread::sleep(BREATH),
        }
    }
}

#[cfg(test)]
mod tests {
    use perry_sandbox_engine::{Condition, NetworkUnit, Project, VolumeUnit};

    use super::super::made_up::replica;
    use super::*;

    #[test]
    fn a_program_waits_for_what_its_service_waits_for() {
        let wanted = Desired {
            project: Project { name: "shop".to_owned(), origin: "0".to_owned() },
            networks: vec![NetworkUnit { key: "back".to_owned(), ..NetworkUnit::default() }],
            external_networks: std::collections::BTreeSet::new(),
            volumes: vec![VolumeUnit { key: "data".to_owned(), service: None }],
            external_volumes: std::collections::BTreeSet::new(),
            units: Vec::new(),
            services: std::collections::BTreeSet::default(),
            none_of: std::collections::BTreeSet::default(),
        };
        let runs = |service, role| replica(service, role, Condition::Running(None));
        let replicas = vec![runs("db", Role::Replica), runs("db", Role::OneOff), runs("x", Role::Replica)];
        let seen = Seen { replicas, ..Seen::default() };
        let wait = Wait { service: "db".into(), until: Until::Healthy, required: true, restart: false };
        let work = steps(&wanted, &seen, &[wait], "r2").unwrap();
        let text = "1  create network back\n2  create volume data\n3  keep db\n4  start run  after 1, 2, 3 is healthy\n";
        assert_eq!(work.to_string(), text);
    }
}
