//! How a supervisor keeps a sandbox up: whether it runs it again, and who says whether it is well.

use perry_sandbox_policy::Terminal;
use perry_sandbox_reference::Digest;
use perry_sandbox_runner::{HealthCheck, LogBounds, Restart};
use serde::{Deserialize, Serialize};

use super::long_running::{LongRunning, reply};
use super::made::Reply;
use crate::admit::Admitted;
use crate::error::PipelineError;
use crate::terms::Terms;
use crate::wish::Wish;

/// How a sandbox is kept up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Upkeep {
    /// Which ends are not the last.
    pub restart: Restart,
    /// Who says whether it is well.
    pub health: Option<Probe>,
    /// How much of what it writes is kept.
    #[serde(default)]
    pub log: LogBounds,
}

/// A program that joins the sandbox from time to time and says by its exit code whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Probe {
    /// Program and arguments; the policy is asked for it as for any program that joins.
    pub command: Vec<String>,
    /// How often, and what to make of the answers.
    pub check: HealthCheck,
}

impl<'p> LongRunning<'p> {
    /// Asks policy and verifier for the program of the health check, and goes on if there is none or they allow it.
    pub(super) fn with_probe<T>(
        &self,
        (wish, image, upkeep): (&Wish, &Digest, &Upkeep),
        go_on: impl FnOnce(Option<(&Admitted<'_>, HealthCheck)>) -> Result<T, PipelineError>,
    ) -> Result<Reply<'p, T>, PipelineError> {
        let Some(probe) = &upkeep.health else { return go_on(None).map(Reply::Done) };
        let terms = Terms { image: Some(image), command: Some(&probe.command), ..Terms::default() };
        let wish = Wish { terminal: Terminal::None, ..wish.clone() };
        let asked = self.pipeline.ask_under(&wish, None, &terms)?;
        let done = match self.pipeline.admit(&asked)? {
            Some(admitted) => Some(go_on(Some((&admitted, probe.check)))?),
            None => None,
        };
        Ok(reply(done, asked))
    }
}
