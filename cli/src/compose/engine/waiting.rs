use std::thread;
use std::time::Duration;

use perry_sandbox_engine::Machine;
use perry_sandbox_runner::{SandboxId, SandboxStatus};

use super::args::DownArgs;
use super::down::down;
use super::exec::code as of_end;
use super::life_args::WaitArgs;
use super::site;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// From one look at the services to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// The code of one of which nobody knows how it ended: as if it was killed.
const LOST: u8 = 137;

/// Waits until the first sandbox of the services has ended; its code is ours.
pub(crate) fn wait(cli: &Cli, args: &WaitArgs) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let found = there.members(&args.services)?;
    if found.is_empty() {
        return Err(Failure::NothingThere { services: args.services.join(", ") });
    }
    let ids: Vec<(String, SandboxId)> =
        found.into_iter().map(|(_, info)| (info.name.to_string(), info.id)).collect();
    let secrets = site::no_secrets;
    let machine = Machine::new(there.site.pipeline.sandboxes()?, Vec::new(), &secrets);
    let (name, code) = first_end(&machine, &ids);
    output::lines([format!("{name} has ended with code {code}")])?;
    if args.down_project {
        let all = DownArgs::all(args.store.data_dir.clone());
        let ended = down(cli, &all)?;
        if ended != Exit::Done {
            return Ok(ended);
        }
    }
    Ok(Exit::Code(code))
}

fn first_end(machine: &Machine<'_>, ids: &[(String, SandboxId)]) -> (String, u8) {
    loop {
        let ended = ids.iter().find_map(|(name, id)| Some((name.clone(), code(machine, id)?)));
        match ended {
            Some(ended) => return ended,
            None => thread::sleep(PAUSE),
        }
    }
}

/// The code of one that has ended, as a shell tells it; nothing while it has not.
pub(super) fn code(machine: &Machine<'_>, id: &SandboxId) -> Option<u8> {
    match machine.sandboxes().inspect(id) {
        Ok(info) => match info.status {
            SandboxStatus::Created | SandboxStatus::Running => None,
            SandboxStatus::Exited => Some(info.finish.and_then(|finish| finish.end).map_or(LOST, of_end)),
            SandboxStatus::Dead => Some(LOST),
        },
        // Removed by somebody else.
        Err(_) => Some(LOST),
    }
}
