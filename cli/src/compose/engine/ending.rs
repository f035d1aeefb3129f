use std::collections::BTreeSet;
use std::io::{BufRead as _, IsTerminal as _};
use std::time::Duration;

use perry_sandbox_engine::{
    Act, Event, Events as _, Happened, Held, Look, Machine, Replica, Role, Seen, StopHow, Work, end,
    own_volumes, stop as steps,
};
use perry_sandbox_pipeline::signal_number;

use super::life_args::{KillArgs, RmArgs, StopArgs};
use super::progress::Lines;
use super::site::{self, PATIENCE};
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// SIGKILL, which no program can refuse.
const KILL: i32 = 9;

/// Ends services, and removes nothing.
pub(crate) fn stop(cli: &Cli, args: &StopArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    work_on(cli, &there, ("stop", &there.site.own()), |_, seen| {
        let services = there.meant(seen, &args.services)?;
        Ok(steps(seen, services.as_ref(), args.timeout.map(Duration::from_secs)))
    })
}

/// Kills services, or sends them another signal.
pub(crate) fn kill(cli: &Cli, args: &KillArgs) -> Result<Exit, Failure> {
    let none = || Failure::Usage(format!("--signal {}: a signal is expected, as SIGTERM or 15", args.signal));
    let signal = signal_number(&args.signal).ok_or_else(none)?;
    let there = There::open(cli, &args.store)?;
    let plan = |seen: &Seen| {
        let services = there.meant(seen, &args.services)?;
        let mut work = steps(seen, services.as_ref(), None);
        for step in &mut work.steps {
            if let Act::Stop { how, .. } = &mut step.act {
                *how = StopHow { signal: Some(signal), grace: Some(Duration::ZERO) };
            }
        }
        Ok(work)
    };
    if signal == KILL {
        return work_on(cli, &there, ("kill", &there.site.own()), |_, seen| plan(seen));
    }
    held(&there, ("kill", &there.site.own()), |_, machine, seen| {
        Ok(signal_all(machine, &plan(seen)?, signal, &Lines::new(cli.progress)))
    })
}

/// Sends a signal to what would be ended. One that fails keeps no other.
fn signal_all(machine: &Machine<'_>, work: &Work, signal: i32, lines: &Lines) -> Exit {
    let mut exit = Exit::Done;
    for step in &work.steps {
        let Act::Stop { id, name, .. } = &step.act else { continue };
        let happened = match machine.signal(id, signal) {
            Ok(()) => Happened::Done,
            Err(error) => {
                exit = Exit::Failure;
                Happened::Failed(error.to_string())
            }
        };
        lines.tell(Event { what: format!("signal {name}"), happened });
    }
    exit
}

/// Removes sandboxes that do not run.
pub(crate) fn rm(cli: &Cli, args: &RmArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    // Volumes are wherever the project has them; sandboxes are found without asking there.
    let look = if args.volumes { there.site.backends_of(there.name())? } else { there.site.own() };
    work_on(cli, &there, ("rm", &look), |held, seen| {
        // What a run that was killed had set aside is needed to undo it.
        held.refuse_unfinished()?;
        let services = there.meant(seen, &args.services)?;
        let work = removal(seen, services.as_ref(), (args.stop, args.volumes));
        if work.tidy.is_empty() {
            output::note("no sandboxes that do not run: `--stop` ends them first");
        } else if !args.force && !agreed(&work)? {
            return Ok(Work::default());
        }
        Ok(work)
    })
}

/// The steps that remove what does not run, or all replicas with `ends`; with `volumes` the services' own volumes too. A
/// program that was run once may have outlived whoever was to remove it.
fn removal(seen: &Seen, services: Option<&BTreeSet<String>>, (ends, volumes): (bool, bool)) -> Work {
    let mut work = if ends { steps(seen, services, None) } else { Work::default() };
    let goes = |one: &&Replica| {
        services.is_none_or(|services| services.contains(&one.member.service))
            && (!one.condition.is_running() || ends && one.member.role == Role::Replica)
    };
    let going: Vec<&Replica> = seen.replicas.iter().filter(goes).collect();
    work.tidy.extend(going.iter().map(|one| Act::Remove { id: one.id.clone(), name: one.name.clone() }));
    let replicas: Vec<&Replica> = going.into_iter().filter(|one| one.member.role == Role::Replica).collect();
    let own = own_volumes(seen, &replicas).filter(|_| volumes);
    work.tidy.extend(own.map(|one| Act::RemoveVolume { key: one.key.clone() }));
    work
}

/// Whether the user says yes. Nobody is asked who cannot answer.
fn agreed(work: &Work) -> Result<bool, Failure> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::Usage("`rm` asks, and nobody can answer here: give --force".to_owned()));
    }
    output::note(&format!("{work}remove these? [yN]"));
    let mut answer = String::new();
    // What cannot be read is no yes.
    let read = stdin.lock().read_line(&mut answer).is_ok();
    Ok(read && matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Takes steps that nothing undoes, with the project held.
fn work_on(
    cli: &Cli,
    there: &There,
    (doing, look): (&str, &Look),
    plan: impl FnOnce(&Held, &Seen) -> Result<Work, Failure>,
) -> Result<Exit, Failure> {
    held(there, (doing, look), |held, machine, seen| {
        let left = end(machine, there.name(), &plan(held, seen)?, &Lines::new(cli.progress));
        Ok(if left.is_empty() { Exit::Done } else { Exit::Failure })
    })
}

/// Does something with what there is of a project, which nobody else works on meanwhile.
fn held(
    there: &There,
    (doing, look): (&str, &Look),
    act: impl FnOnce(&Held, &Machine<'_>, &Seen) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let secrets = site::no_secrets;
    let machine = there.site.machine(look, &secrets)?;
    let held = there.site.projects.hold(there.name(), doing, PATIENCE)?;
    let seen = site::seen(&machine, there.name())?;
    there.whose.check(&seen)?;
    act(&held, &machine, &seen)
}

#[cfg(test)]
mod tests {
    use perry_sandbox_engine::{Condition, SeenResource};

    use super::super::made_up::replica;
    use super::*;

    #[test]
    fn what_runs_is_removed_only_when_it_is_ended_first() {
        let replicas = vec![
            replica("web", Role::Replica, Condition::Running(None)),
            replica("db", Role::Replica, Condition::Exited(0)),
            replica("job", Role::OneOff, Condition::Exited(0)),
            replica("shell", Role::OneOff, Condition::Running(None)),
        ];
        let seen = Seen { replicas, ..Seen::default() };
        assert_eq!(removal(&seen, None, (false, false)).to_string(), "-  remove db\n-  remove job\n");
        assert_eq!(
            removal(&seen, None, (true, false)).to_string(),
            "1  stop web\n-  remove web\n-  remove db\n-  remove job\n",
            "a program that is run once is nobody's to end"
        );
        let volume = |service: &str| SeenResource {
            key: format!("{service}-own"),
            service: Some(service.to_owned()),
            ..SeenResource::default()
        };
        let seen = Seen { volumes: vec![volume("web"), volume("db"), volume("job")], ..seen };
        let with = removal(&seen, None, (false, true)).to_string();
        assert_eq!(
            with, "-  remove db\n-  remove job\n-  remove volume db-own\n",
            "those of the services that go"
        );
        let web = BTreeSet::from(["web".to_owned()]);
        assert_eq!(removal(&seen, Some(&web), (false, true)), Work::default());
    }
}
