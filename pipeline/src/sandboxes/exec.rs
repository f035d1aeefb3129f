//! Another program joins a sandbox that runs, if the policy would have let the sandbox begin with it.

use std::collections::BTreeMap;

use perry_sandbox_policy::{Terminal, WallTime};
use perry_sandbox_runner::{Commands, Outcome, SandboxId, Streams};

use super::long_running::{LongRunning, is_another_plan, reply};
use super::made::Reply;
use crate::error::PipelineError;
use crate::terms::Terms;

/// What is to join.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Join {
    /// Program and arguments. The program of a capability is fixed by the policy: there it begins with the capability's own
    /// command, and what follows is bound by the capability's `args`.
    pub command: Vec<String>,
    /// Variables beside and above those that the sandbox was asked for with.
    pub env: BTreeMap<String, String>,
    /// Where it begins; none: the image's own folder. A capability begins nowhere else.
    pub working_dir: Option<String>,
    /// Time until it is killed; none: as long as the sandbox may run. The sandbox's own time goes on.
    pub wall: Option<WallTime>,
    /// A terminal of its own, of so many rows and columns; none: three pipes.
    pub terminal: Option<(u16, u16)>,
}

impl<'p> LongRunning<'p> {
    /// Runs a program inside a sandbox, under the sandbox's own plan, and stays until it has ended. Policy and verifier are
    /// asked for it first, by the words that the sandbox was created with and for the digest that runs.
    ///
    /// # Errors
    /// As [`Pipeline::ask`](crate::Pipeline::ask). [`PipelineError::Changed`]: what the policy would allow by now is not
    /// what runs; that goes into the trail. The sandbox does not run, or the program does not start.
    pub fn exec(
        &self,
        id: &SandboxId,
        join: &Join,
        streams: Streams,
        commands: Option<&Commands>,
    ) -> Result<Reply<'p, Outcome>, PipelineError> {
        if join.command.is_empty() {
            return Err(PipelineError::NoCommand);
        }
        let kept = self.kept(id)?;
        let mut wish = kept.wish;
        wish.env.extend(join.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        wish.terminal = Terminal::None;
        if join.wall.is_some() {
            wish.limits.wall = join.wall;
        }
        let terms = Terms {
            image: Some(&kept.image),
            command: Some(&join.command),
            working_dir: join.working_dir.as_deref(),
            ..Terms::default()
        };
        let asked = self.pipeline.ask_under(&wish, None, &terms)?;
        let outcome = match self.pipeline.admit(&asked)? {
            None => None,
            Some(admitted) => match admitted.join(&self.sandboxes, id, streams, (join.terminal, commands)) {
                Ok(outcome) => Some(outcome),
                Err(error) if is_another_plan(&error) => {
                    admitted.changed()?;
                    return Err(PipelineError::Changed { id: id.clone(), why: Box::new(error) });
                }
                Err(error) => return Err(error),
            },
        };
        Ok(reply(outcome, asked))
    }
}
