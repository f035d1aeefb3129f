use perry_sandbox_engine::{Project, VolumeUnit, World as _};

use super::look_args::{RecreateArgs, VolumeArgs, VolumeCommand};
use super::site::{self, PATIENCE};
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// What is done with a single volume.
pub(crate) fn volume(cli: &Cli, args: &VolumeArgs) -> Result<Exit, Failure> {
    match &args.command {
        VolumeCommand::Recreate(args) => recreate(cli, args),
    }
}

/// Removes a volume with all that is in it, and makes it anew. `up` never does that, whatever a file says.
fn recreate(cli: &Cli, args: &RecreateArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let look = there.site.backends_of(there.name())?;
    let secrets = site::no_secrets;
    let machine = there.site.machine(&look, &secrets)?;
    let held = there.site.projects.hold(there.name(), "volume recreate", PATIENCE)?;
    held.refuse_unfinished()?;
    let seen = site::seen(&machine, there.name())?;
    there.whose.check(&seen)?;
    let found = seen.volumes.iter().find(|one| one.key == args.volume);
    let found = found
        .ok_or_else(|| Failure::NoVolume { project: there.name().to_owned(), volume: args.volume.clone() })?;
    let uses = |service: &str| {
        // Where no file says what a service sees, each of them may see it.
        there.question.as_ref().and_then(|question| question.demands.services.get(service)).is_none_or(
            |demand| demand.project.volumes.iter().any(|one| one.volume.to_string() == args.volume),
        )
    };
    let running = seen.replicas.iter().filter(|one| one.condition.is_running());
    if let Some(one) = running.into_iter().find(|one| uses(&one.member.service)) {
        return Err(Failure::VolumeInUse { volume: args.volume.clone(), by: one.name.clone() });
    }
    let volume = || args.volume.clone();
    let project = Project { name: there.name().to_owned(), origin: found.origin.clone() };
    machine
        .remove_volume(&project.name, &args.volume)
        .map_err(|source| Failure::VolumeStays { volume: volume(), source })?;
    machine
        .create_volume(
            &project,
            &site::run_id()?,
            &VolumeUnit { key: volume(), service: found.service.clone() },
        )
        .map_err(|source| Failure::VolumeGone { volume: volume(), source })?;
    output::note(&format!("recreate volume {}", args.volume));
    Ok(Exit::Done)
}
