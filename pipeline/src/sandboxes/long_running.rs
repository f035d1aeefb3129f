//! Creating, starting, finding, ending.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;
use perry_sandbox_image::Progress;
use perry_sandbox_policy::SecretName;
use perry_sandbox_runner::{
    Filter, Labels, LifecycleError, Load, Logs, NewSandbox, SandboxFiles, SandboxId, SandboxInfo, Sandboxes,
    Stop,
};

use super::kept::Kept;
use super::made::{Begin, Made, Named, Reply};
use crate::admit::Admitted;
use crate::ask::{Asked, Pipeline};
use crate::error::PipelineError;
use crate::terms::Terms;
use crate::wish::Wish;

/// What asks a program to end where its image says nothing.
const SIGTERM: i32 = 15;

/// The long-running sandboxes of one user on this machine. Any number of processes may use them at the same time.
///
/// Supervisors are started by executing the calling program again: it must call
/// [`helper_hook`](perry_sandbox_runner::helper_hook) before anything else.
#[derive(Debug, Clone)]
pub struct LongRunning<'p> {
    pub(super) pipeline: &'p Pipeline,
    pub(super) sandboxes: Sandboxes,
}

impl Pipeline {
    /// The long-running sandboxes of the environment's runtime folder.
    ///
    /// # Errors
    /// The folder cannot be made, or is not the caller's alone.
    pub fn sandboxes(&self) -> Result<LongRunning<'_>, PipelineError> {
        let sandboxes = Sandboxes::open(&self.environment.runtime_dir)?;
        Ok(LongRunning { pipeline: self, sandboxes })
    }
}

impl<'p> LongRunning<'p> {
    /// With another program that calls the helper hook, for a caller that cannot do so itself.
    #[must_use]
    pub fn with_program(self, program: &Path) -> Self {
        Self { sandboxes: self.sandboxes.with_program(program), ..self }
    }

    /// Makes a sandbox without starting it, if policy and verifier allow what it is made for.
    ///
    /// # Errors
    /// As [`Pipeline::ask`]; a name or label is none, or the name is taken.
    pub fn create(&self, wish: &Wish, named: &Named) -> Result<Reply<'p, Made>, PipelineError> {
        let asked = self.pipeline.ask(wish, None)?;
        let made = match self.pipeline.admit(&asked)? {
            Some(admitted) => Some(self.made(&self.record(&admitted, wish, named)?, &admitted)?),
            None => None,
        };
        Ok(reply(made, asked))
    }

    /// Brings the content of a wish's image here, if policy and verifier allow the wish. Nothing is made of it.
    ///
    /// # Errors
    /// As [`Pipeline::ask`]; the content cannot be brought.
    pub fn fetch(&self, wish: &Wish, progress: &dyn Progress) -> Result<Reply<'p, ()>, PipelineError> {
        let asked = self.pipeline.ask(wish, None)?;
        let done = match self.pipeline.admit(&asked)? {
            Some(admitted) => Some(admitted.rootfs(progress).map(drop)?),
            None => None,
        };
        Ok(reply(done, asked))
    }

    /// Makes a sandbox and starts it. If it does not start, nothing of it is left.
    ///
    /// # Errors
    /// As [`LongRunning::create`] and [`LongRunning::start`].
    pub fn run(
        &self,
        wish: &Wish,
        named: &Named,
        begin: Begin<'_>,
        progress: &dyn Progress,
    ) -> Result<Reply<'p, Made>, PipelineError> {
        let asked = self.pipeline.ask(wish, None)?;
        let made = match self.pipeline.admit(&asked)? {
            None => None,
            Some(admitted) => {
                let about = (wish, admitted.decided.verified.image().top(), &named.upkeep);
                let reached = self.with_probe(about, |probe| {
                    let rootfs = admitted.rootfs(progress)?;
                    let id = self.record(&admitted, wish, named)?;
                    let upkeep = (&named.upkeep, probe);
                    if let Err(error) = admitted.start(&self.sandboxes, &id, &rootfs, begin, upkeep) {
                        // The reason why it did not start is worth more than one why its record stays.
                        self.sandboxes.remove(&id, true).ok();
                        return Err(error);
                    }
                    self.made(&id, &admitted)
                })?;
                match reached {
                    Reply::Done(made) => Some(made),
                    refused @ Reply::Refused(_) => return Ok(refused),
                }
            }
        };
        Ok(reply(made, asked))
    }

    /// Starts a sandbox that was created, or (with [`Begin::again`]) has ended: asks again by the words that it was
    /// created with, for the digest that they came to then.
    ///
    /// # Errors
    /// As [`Pipeline::ask`]; it runs, is gone, or does not start. It is as it was then, without a process.
    pub fn start(
        &self,
        id: &SandboxId,
        begin: Begin<'_>,
        progress: &dyn Progress,
    ) -> Result<Reply<'p, Made>, PipelineError> {
        let kept = self.kept(id)?;
        let terms = Terms { image: Some(&kept.image), ..Terms::default() };
        let asked = self.pipeline.ask_under(&kept.wish, None, &terms)?;
        let made = match self.pipeline.admit(&asked)? {
            None => None,
            Some(admitted) => {
                let reached = self.with_probe((&kept.wish, &kept.image, &kept.upkeep), |probe| {
                    let rootfs = admitted.rootfs(progress)?;
                    admitted.start(&self.sandboxes, id, &rootfs, begin, (&kept.upkeep, probe))?;
                    self.made(id, &admitted)
                })?;
                match reached {
                    Reply::Done(made) => Some(made),
                    refused @ Reply::Refused(_) => return Ok(refused),
                }
            }
        };
        Ok(reply(made, asked))
    }

    /// Finds a sandbox by its id, its name, or the beginning of its id (4 digits or more).
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn find(&self, text: &str) -> Result<SandboxId, PipelineError> {
        Ok(self.sandboxes.find(text)?)
    }

    /// What may be seen of a sandbox: never a variable's value or an argument.
    ///
    /// # Errors
    /// It is gone, or its record is damaged.
    pub fn inspect(&self, id: &SandboxId) -> Result<SandboxInfo, PipelineError> {
        Ok(self.sandboxes.inspect(id)?)
    }

    /// The secrets that a sandbox was made to be given, by their names: who starts it supplies their values, and no others.
    ///
    /// # Errors
    /// It is gone, or its record is damaged.
    pub fn secrets(&self, id: &SandboxId) -> Result<BTreeSet<SecretName>, PipelineError> {
        Ok(self.kept(id)?.wish.secrets().into_iter().cloned().collect())
    }

    /// The sandboxes that fit, oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self, filter: &Filter) -> Result<Vec<SandboxInfo>, PipelineError> {
        Ok(self.sandboxes.list(filter)?)
    }

    /// What a sandbox has written: all that is kept, or the last `tail` lines; with `follow` until it has ended.
    ///
    /// # Errors
    /// It is gone, or its logs cannot be read.
    pub fn logs(&self, id: &SandboxId, tail: Option<usize>, follow: bool) -> Result<Logs, PipelineError> {
        Ok(self.sandboxes.logs(id, tail, follow)?)
    }

    /// Asks a sandbox to end, and kills it when it has not ended in time; returns when it is gone.
    ///
    /// # Errors
    /// It does not run, or is gone.
    pub fn stop(&self, id: &SandboxId, stop: &Stop) -> Result<SandboxInfo, PipelineError> {
        Ok(self.sandboxes.stop(id, stop)?)
    }

    /// Sends a signal to a sandbox's program.
    ///
    /// # Errors
    /// It does not run, or is gone.
    pub fn signal(&self, id: &SandboxId, signal: i32) -> Result<(), PipelineError> {
        Ok(self.sandboxes.signal(id, signal)?)
    }

    /// Stops all processes of a sandbox until they are let go on.
    ///
    /// # Errors
    /// It does not run, is paused already, or its processes are none of this kernel's.
    pub fn pause(&self, id: &SandboxId) -> Result<(), PipelineError> {
        Ok(self.sandboxes.pause(id)?)
    }

    /// Lets all processes of a sandbox go on.
    ///
    /// # Errors
    /// It does not run, or is not paused.
    pub fn unpause(&self, id: &SandboxId) -> Result<(), PipelineError> {
        Ok(self.sandboxes.unpause(id)?)
    }

    /// The files that a running sandbox sees, to be copied in and out.
    ///
    /// # Errors
    /// It does not run, or its processes are none of this kernel's.
    pub fn files(&self, id: &SandboxId) -> Result<SandboxFiles, PipelineError> {
        Ok(self.sandboxes.files(id)?)
    }

    /// What a running sandbox uses now.
    ///
    /// # Errors
    /// It does not run, or its processes are none of this kernel's.
    pub fn load(&self, id: &SandboxId) -> Result<Load, PipelineError> {
        Ok(self.sandboxes.load(id)?)
    }

    /// The processes of a running sandbox, by their numbers on this host.
    ///
    /// # Errors
    /// As [`LongRunning::load`].
    pub fn processes(&self, id: &SandboxId) -> Result<Vec<u32>, PipelineError> {
        Ok(self.sandboxes.processes(id)?)
    }

    /// Waits until a sandbox has ended, at most so long.
    ///
    /// # Errors
    /// The time is over, it was never started, or is gone.
    pub fn wait(&self, id: &SandboxId, patience: Option<Duration>) -> Result<SandboxInfo, PipelineError> {
        Ok(self.sandboxes.wait(id, patience)?)
    }

    /// Gives another name to a sandbox that does not run.
    ///
    /// # Errors
    /// The name is none or taken, or the sandbox runs or is gone.
    pub fn rename(&self, id: &SandboxId, name: &str) -> Result<(), PipelineError> {
        Ok(self.sandboxes.rename(id, name.parse()?)?)
    }

    /// Removes a sandbox with its record and logs; one that runs only with `force`.
    ///
    /// # Errors
    /// It runs, or is gone.
    pub fn remove(&self, id: &SandboxId, force: bool) -> Result<(), PipelineError> {
        Ok(self.sandboxes.remove(id, force)?)
    }

    pub(super) fn kept(&self, id: &SandboxId) -> Result<Kept, PipelineError> {
        Kept::from_bytes(&self.sandboxes.request(id)?)
    }

    fn record(
        &self,
        admitted: &Admitted<'_>,
        wish: &Wish,
        named: &Named,
    ) -> Result<SandboxId, PipelineError> {
        let name = named.name.as_deref().map(str::parse).transpose()?;
        let image = admitted.decided.verified.image().top();
        let request = Kept::of(wish, image, &named.upkeep)?.to_bytes()?;
        let new = NewSandbox {
            name,
            labels: Labels::new(named.labels.clone())?,
            image: &admitted.asked.image,
            plan: admitted.plan,
            stop_signal: admitted.decided.config.stop_signal.as_deref().map_or(SIGTERM, signal),
            request: &request,
        };
        Ok(self.sandboxes.create(&new)?)
    }

    fn made(&self, id: &SandboxId, admitted: &Admitted<'_>) -> Result<Made, PipelineError> {
        Ok(Made {
            info: self.inspect(id)?,
            exception: admitted.plan.exception.clone(),
            trial: admitted.decided.evidence().trial.clone(),
        })
    }
}

pub(super) fn reply<T>(done: Option<T>, asked: Asked<'_>) -> Reply<'_, T> {
    done.map_or_else(|| Reply::Refused(Box::new(asked)), Reply::Done)
}

/// The signal that an image names; anything else asks by SIGTERM.
fn signal(text: &str) -> i32 {
    signal_number(text).unwrap_or(SIGTERM)
}

/// The number of a signal: `SIGQUIT`, `QUIT` or `3`; nothing for what is none.
pub fn signal_number(text: &str) -> Option<i32> {
    let named = || format!("SIG{}", text.trim_start_matches("SIG")).parse::<Signal>().ok();
    let given = text.parse::<i32>().ok().filter(|number| (1..=64).contains(number));
    given.or_else(|| named().map(number))
}

#[expect(clippy::as_conversions, reason = "the enumeration's values are the numbers")]
fn number(signal: Signal) -> i32 {
    signal as i32
}

/// A sandbox that runs under another plan than the one that was just made: policy or image are not what they were.
pub(super) fn is_another_plan(error: &PipelineError) -> bool {
    matches!(
        error,
        PipelineError::Sandbox(LifecycleError::OtherPlan { .. } | LifecycleError::OtherImage { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_images_stop_signal_is_a_name_or_a_number() {
        for (text, number) in
            [("SIGQUIT", 3), ("QUIT", 3), ("9", 9), ("0", 15), ("65", 15), ("SIGNOTHING", 15), ("", 15)]
        {
            assert_eq!(signal(text), number, "{text}");
        }
    }
}
