use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use perry_sandbox_engine::{
    Again, Desired, Options, Project, Seen, Wait, Work, restart as restart_steps, run, start as start_steps,
    without_network,
};
use perry_sandbox_stack::waits;

use super::life_args::{RestartArgs, StartArgs};
use super::progress::Lines;
use super::signals::listen;
use super::site::{self, PATIENCE};
use super::there::There;
use super::up::failed;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Starts services again that have ended, each when those that it needs are as far as its files say. What fails is undone.
pub(crate) fn start(cli: &Cli, args: &StartArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let patience = Duration::from_secs(args.wait_timeout);
    let plan = |seen: &Seen| {
        let services = there.meant(seen, &args.services)?;
        let work = start_steps(seen, &Again { services, waits: waits_of(&there) });
        there.has_secrets_for(seen, &work)?;
        Ok(work)
    };
    take(cli, &there, "start", (patience, args.wait), plan)
}

/// Ends services and starts them again, as they are: changes of the files wait for `up`.
pub(crate) fn restart(cli: &Cli, args: &RestartArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let plan = |seen: &Seen| {
        let waits = waits_of(&there);
        let services = there.meant(seen, &args.services)?;
        let services =
            if args.no_deps { services } else { services.map(|named| with_followers(named, &waits)) };
        let work = restart_steps(seen, &Again { services, waits }, args.timeout.map(Duration::from_secs));
        there.has_secrets_for(seen, &work)?;
        Ok(work)
    };
    take(cli, &there, "restart", (Options::default().patience, false), plan)
}

/// These, and all that ask to be restarted with one of them.
fn with_followers(mut named: BTreeSet<String>, waits: &BTreeMap<String, Vec<Wait>>) -> BTreeSet<String> {
    loop {
        let follows =
            |waits: &Vec<Wait>| waits.iter().any(|wait| wait.restart && named.contains(&*wait.service));
        let more: Vec<String> = waits
            .iter()
            .filter(|(service, waits)| !named.contains(*service) && follows(waits))
            .map(|(service, _)| service.clone())
            .collect();
        if more.is_empty() {
            return named;
        }
        named.extend(more);
    }
}

/// What each service waits for, where the files are read.
fn waits_of(there: &There) -> BTreeMap<String, Vec<Wait>> {
    let services = there.question.iter().flat_map(|question| &question.stack.services);
    services.map(|(name, service)| (name.clone(), waits(service))).collect()
}

/// Takes steps with the project held; those before one that fails are undone.
fn take(
    cli: &Cli,
    there: &There,
    doing: &str,
    (patience, wait): (Duration, bool),
    plan: impl FnOnce(&Seen) -> Result<Work, Failure>,
) -> Result<Exit, Failure> {
    let look = there.site.own();
    // What is started again may have been made from an earlier form of the files, or is of a profile that nobody asks for.
    let secrets = |_: &str| there.secrets_there();
    let machine = there.site.machine(&look, &secrets)?;
    let held = there.site.projects.hold(there.name(), doing, PATIENCE)?;
    let seen = site::seen(&machine, there.name())?;
    there.whose.check(&seen)?;
    let work = plan(&seen)?;
    if let Some((service, other)) = without_network(&seen, &work) {
        return Err(Failure::NotRunning { service: format!("`{other}`, whose network `{service}` shares,") });
    }
    if work.steps.is_empty() {
        output::note(&format!("warning: there is nothing of the project `{}` to {doing}", there.name()));
        return Ok(Exit::Done);
    }
    let journal = held.begin(&site::run_id()?)?;
    let interrupt = listen()?;
    let options = Options { patience, wait, ..Options::default() };
    let origin = there.whose.origin.clone().unwrap_or_default();
    let desired = Desired::nothing(Project { name: there.name().to_owned(), origin });
    let lines = Lines::new(cli.progress);
    let ran = run(&machine, &desired, &work, &journal, (options, &interrupt), &lines);
    drop(lines);
    match ran {
        Ok(_) => Ok(Exit::Done),
        Err(error) => Ok(failed(&error, false)),
    }
}

#[cfg(test)]
mod tests {
    use perry_sandbox_engine::Until;

    use super::*;

    #[test]
    fn those_that_ask_for_it_are_restarted_with_what_they_need() {
        let waits = |service: &str, restart| {
            vec![Wait { service: service.into(), until: Until::Started, required: true, restart }]
        };
        let waits = BTreeMap::from([
            ("web".to_owned(), waits("app", true)),
            ("app".to_owned(), waits("db", true)),
            ("job".to_owned(), waits("db", false)),
        ]);
        let found = with_followers(BTreeSet::from(["db".to_owned()]), &waits);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["app", "db", "web"]);
    }
}
