use std::collections::BTreeSet;
use std::time::Duration;

use perry_sandbox_engine::{Down, LeftState, Seen, down as steps, end, finish_undo};

use super::args::{DownArgs, RecoverArgs};
use super::progress::Lines;
use super::rmi::Images;
use super::signals::listen;
use super::site::{self, PATIENCE, Site, Whose};
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// Ends a project and removes what it has, by its labels: its files need not be there.
pub(crate) fn down(cli: &Cli, args: &DownArgs) -> Result<Exit, Failure> {
    let whose = Whose::read(cli)?;
    let site = Site::open(&whose.variables, args.store.data_dir.as_deref())?;
    let look = site.backends_of(&whose.name)?;
    let secrets = site::no_secrets;
    let machine = site.machine(&look, &secrets)?;
    let held = site.projects.hold(&whose.name, "down", PATIENCE)?;
    let seen = site::seen(&machine, &whose.name)?;
    whose.check(&seen)?;
    let services =
        (!args.services.is_empty()).then(|| args.services.iter().cloned().collect::<BTreeSet<_>>());
    let how = Down {
        services,
        known: whose.services.clone(),
        orphans: args.remove_orphans || whose.services.is_none(),
        volumes: args.volumes,
        grace: args.timeout.map(Duration::from_secs),
    };
    if let Some(services) = &how.services {
        held.refuse_unfinished()?;
        refuse_unknown(services, &whose, &seen)?;
    }
    let work = steps(&seen, &how);
    warn_of_orphans(&seen, &how);
    if work.steps.is_empty() && work.tidy.is_empty() {
        if seen.replicas.is_empty() {
            held.settle()?;
            let images = if args.rmi.is_some() {
                ", and which images it had is known by its sandboxes only: `perry-sandbox image rm` removes them"
            } else {
                ""
            };
            output::note(&format!("warning: there is nothing of the project `{}`{images}", whose.name));
        }
        return Ok(Exit::Done);
    }
    if args.dry_run {
        return output::text(&output::printable(&work.to_string())).map(|()| Exit::Done);
    }
    let images = args.rmi.map(|which| Images::of(&site, &whose.name, which)).transpose()?;
    let left = end(&machine, &whose.name, &work, &Lines::new(cli.progress));
    if left.is_empty() && how.services.is_none() {
        // All that a run that was killed could have left is gone.
        held.settle()?;
    }
    if let Some(images) = images {
        images.forget(&site)?;
    }
    Ok(if left.is_empty() { Exit::Done } else { Exit::Failure })
}

fn refuse_unknown(services: &BTreeSet<String>, whose: &Whose, seen: &Seen) -> Result<(), Failure> {
    let is_there = |name: &String| seen.replicas.iter().any(|one| one.member.service == *name);
    let is_known = |name: &String| whose.services.as_ref().is_some_and(|known| known.contains(name));
    match services.iter().find(|name| !is_there(name) && !is_known(name)) {
        Some(name) => Err(Failure::NoService(name.clone())),
        None => Ok(()),
    }
}

/// Names those that stay, and networks and volumes with them.
fn warn_of_orphans(seen: &Seen, how: &Down) {
    let Some(known) = how.known.as_ref().filter(|_| how.services.is_none() && !how.orphans) else { return };
    let stay = seen.replicas.iter().filter(|one| !known.contains(&one.member.service));
    let names: Vec<&str> = stay.map(|one| one.name.as_str()).collect();
    if !names.is_empty() {
        let names = names.join(", ");
        output::note(&format!(
            "warning: of services that the project has no more, and left with its networks and volumes: {names} (`--remove-orphans` removes them)"
        ));
    }
}

/// Undoes what a run had begun that was killed.
pub(crate) fn recover(cli: &Cli, args: &RecoverArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let held = there.site.projects.hold(there.name(), "recover", PATIENCE)?;
    let Some(unfinished) = held.unfinished()? else {
        output::note(&format!("the last run of `{}` came to its end: nothing is to be undone", there.name()));
        return Ok(Exit::Done);
    };
    let look = there.site.backends_of(there.name())?;
    // What is started again may have been made from an earlier form of the files.
    let secrets = |_: &str| there.secrets_there();
    let machine = there.site.machine(&look, &secrets)?;
    there.whose.check(&site::seen(&machine, there.name())?)?;
    let interrupt = listen()?;
    let lines = Lines::new(cli.progress);
    let left = finish_undo(&machine, there.name(), &unfinished, &interrupt, &lines);
    drop(lines);
    for left in &left {
        output::note(&format!("left: {}: {}", left.what, left.why));
    }
    if left.iter().any(|left| left.state == LeftState::Wrong) {
        return Ok(Exit::Failure);
    }
    held.settle()?;
    if left.is_empty() {
        return Ok(Exit::Done);
    }
    output::note("these stay stopped, and all else is undone: the project can be worked on again");
    Ok(Exit::Failure)
}
