use perry_sandbox_engine::{Event, Events as _, Happened, Membership};
use perry_sandbox_pipeline::{LongRunning, PipelineError};
use perry_sandbox_runner::{SandboxId, SandboxInfo, SandboxStatus};

use super::life_args::PauseArgs;
use super::progress::Lines;
use super::site::PATIENCE;
use super::there::There;
use crate::args::Cli;
use crate::exit::Exit;
use crate::output::{self, Failure};

/// What is done with the processes of a sandbox.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Pause,
    Unpause,
}

impl Turn {
    const fn verb(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Unpause => "unpause",
        }
    }

    fn take(self, sandboxes: &LongRunning<'_>, id: &SandboxId) -> Result<(), PipelineError> {
        match self {
            Self::Pause => sandboxes.pause(id),
            Self::Unpause => sandboxes.unpause(id),
        }
    }
}

/// Stops the processes of services until they are let go on.
pub(crate) fn pause(cli: &Cli, args: &PauseArgs) -> Result<Exit, Failure> {
    turn(cli, args, Turn::Pause)
}

/// Lets the processes of services go on.
pub(crate) fn unpause(cli: &Cli, args: &PauseArgs) -> Result<Exit, Failure> {
    turn(cli, args, Turn::Unpause)
}

/// One that cannot be turned keeps no other; those that are as they should be are left alone.
fn turn(cli: &Cli, args: &PauseArgs, turn: Turn) -> Result<Exit, Failure> {
    let there = There::open(cli, &args.store)?;
    let _held = there.site.projects.hold(there.name(), turn.verb(), PATIENCE)?;
    let sandboxes = there.site.pipeline.sandboxes()?;
    let found = running(&there, &args.services)?;
    let lines = Lines::new(cli.progress);
    let mut failures = Vec::new();
    for (_, info) in found.iter().filter(|(_, info)| info.paused == (turn == Turn::Unpause)) {
        let tell = |happened| lines.tell(Event { what: format!("{} {}", turn.verb(), info.name), happened });
        tell(Happened::Begun);
        match turn.take(&sandboxes, &info.id) {
            Ok(()) => tell(Happened::Done),
            Err(error) => {
                tell(Happened::Failed("see below".to_owned()));
                failures.push(error);
            }
        }
    }
    drop(lines);
    for error in &failures {
        output::note(&format!("error: {error}"));
    }
    Ok(if failures.is_empty() { Exit::Done } else { Exit::Failure })
}

/// The replicas of services that run.
pub(super) fn running(there: &There, services: &[String]) -> Result<Vec<(Membership, SandboxInfo)>, Failure> {
    let mut found = there.members(services)?;
    found.retain(|(_, info)| info.status == SandboxStatus::Running);
    if found.is_empty() && !services.is_empty() {
        return Err(Failure::NotRunning { service: services.join(", ") });
    }
    Ok(found)
}
