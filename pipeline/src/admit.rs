//! Past the verdict: a refusal goes into the trail, and only an approval can start something.

use jiff::Timestamp;
use perry_sandbox_image::{Progress, Rootfs};
use perry_sandbox_policy::{AuditLog, LaunchPlan, Verdict};
use perry_sandbox_profiles::Run;
use perry_sandbox_runner::{
    Commands, DryRun, Engines, ExecSurroundings, HealthCheck, HealthStart, Launcher, Outcome, SandboxId,
    Sandboxes, Secrets, StartOptions, Streams, Surroundings, Trail, dry_run, launch, record as record_calls,
};

use crate::ask::{Answer, Asked, Decided, Pipeline};
use crate::error::{Class, PipelineError};
use crate::record;
use crate::sandboxes::{Begin, Upkeep};

/// A wish that policy and verifier allow.
#[derive(Debug)]
pub struct Admitted<'a> {
    /// The wish and its answer.
    pub asked: &'a Asked<'a>,
    /// The decision.
    pub decided: &'a Decided<'a>,
    /// What will run, line by line.
    pub plan: &'a LaunchPlan,
    pub(crate) pipeline: &'a Pipeline,
    trail: Option<Trail>,
}

/// What speaks to a sandbox while it runs.
#[derive(Debug)]
pub struct Live<'a> {
    /// Signals, a new window, or the end, from elsewhere.
    pub commands: Option<&'a Commands>,
    /// Values of the secrets that the plan gives, and no others.
    pub secrets: Option<&'a Secrets>,
    /// Rows and columns of the terminal, where the plan has one.
    pub window: (u16, u16),
}

impl Default for Live<'_> {
    fn default() -> Self {
        Self { commands: None, secrets: None, window: (24, 80) }
    }
}

impl Pipeline {
    /// Lets an approval through. A refusal goes into the trail, and nothing comes back: the reasons are in
    /// [`Asked::answer`].
    ///
    /// # Errors
    /// The trail cannot be written, or a mount would show what decides about runs.
    pub fn admit<'a>(&'a self, asked: &'a Asked<'a>) -> Result<Option<Admitted<'a>>, PipelineError> {
        let trail = match asked.policy.audit().log {
            AuditLog::Chained => Some(Trail::open(&self.environment.data_dir.join("trail"))?),
            AuditLog::Off => None,
        };
        if let Answer::Decided(decided) = &asked.answer
            && let Verdict::Allow(plan) = &decided.verdict
        {
            if let Err(error) = self.check_mounts(asked) {
                record::own_folder(asked, trail.as_ref())?;
                return Err(error);
            }
            return Ok(Some(Admitted { asked, decided, plan, pipeline: self, trail }));
        }
        record::refusal(asked, trail.as_ref())?;
        Ok(None)
    }
}

impl Admitted<'_> {
    /// The unpacked image. Content is fetched only now, when it is clear that it may run.
    ///
    /// # Errors
    /// Content cannot be had, or is not what its digests name; the latter goes into the trail.
    pub fn rootfs(&self, progress: &dyn Progress) -> Result<Rootfs, PipelineError> {
        let rootfs = self.unpack(progress);
        if let Err(error) = &rootfs
            && error.class() == Class::NotVerified
        {
            record::broken(self.asked, self.trail.as_ref())?;
        }
        rootfs
    }

    fn unpack(&self, progress: &dyn Progress) -> Result<Rootfs, PipelineError> {
        let (store, name) = (&self.pipeline.store, self.asked.image.as_str());
        let (source, image) = (self.decided.source.as_ref(), self.decided.verified.image());
        if let Some(ready) = store.ready(source, image, name, &self.decided.config.diff_ids)? {
            return Ok(ready);
        }
        store.pull(source, image, name, progress)?;
        Ok(store.rootfs(image, progress)?)
    }

    /// What [`Admitted::launch`] would do, step by step, without doing it.
    ///
    /// # Errors
    /// The backend cannot keep a line of the plan.
    pub fn dry_run(&self, rootfs: &Rootfs) -> Result<DryRun, PipelineError> {
        let engines =
            self.engines().map(|engines| (engines, self.pipeline.environment.runtime_dir.as_path()));
        Ok(dry_run(self.plan, &self.decided.verified, rootfs, engines)?)
    }

    /// Starts the sandbox and stays until it has ended.
    ///
    /// # Errors
    /// It did not start, or the trail cannot be written; nothing of it is left.
    pub fn launch(
        &self,
        rootfs: &Rootfs,
        streams: Streams,
        live: &Live<'_>,
    ) -> Result<Outcome, PipelineError> {
        self.launch_from(self.pipeline.launcher.as_ref(), rootfs, streams, live)
    }

    /// As [`Admitted::launch`], by this launcher process and not by the pipeline's: for callers that replace one that died.
    ///
    /// # Errors
    /// As [`Admitted::launch`].
    pub fn launch_by(
        &self,
        launcher: &Launcher,
        rootfs: &Rootfs,
        streams: Streams,
        live: &Live<'_>,
    ) -> Result<Outcome, PipelineError> {
        self.launch_from(Some(launcher), rootfs, streams, live)
    }

    fn launch_from(
        &self,
        launcher: Option<&Launcher>,
        rootfs: &Rootfs,
        streams: Streams,
        live: &Live<'_>,
    ) -> Result<Outcome, PipelineError> {
        let surroundings = self.surroundings(live)?;
        let (plan, verified) = (self.plan, &self.decided.verified);
        let outcome = match launcher {
            Some(launcher) => launcher.launch(plan, verified, rootfs, streams, &surroundings),
            None => launch(plan, verified, rootfs, streams, &surroundings),
        };
        Ok(outcome?)
    }

    /// As [`Admitted::launch`], with its system calls noted.
    pub(crate) fn record_once(
        &self,
        rootfs: &Rootfs,
        streams: Streams,
        live: &Live<'_>,
    ) -> Result<(Outcome, Run), PipelineError> {
        let surroundings = self.surroundings(live)?;
        Ok(record_calls(self.plan, &self.decided.verified, rootfs, streams, &surroundings)?)
    }

    /// What a launch needs beside the plan, once it is written down that it may run.
    fn surroundings<'s>(&'s self, live: &Live<'s>) -> Result<Surroundings<'s>, PipelineError> {
        self.check_secrets(live.secrets)?;
        self.approve()?;
        Ok(Surroundings {
            runtime: &self.pipeline.environment.runtime_dir,
            trail: self.trail.as_ref(),
            commands: live.commands,
            secrets: live.secrets,
            window: live.window,
            clock: Timestamp::now,
            engines: self.engines(),
        })
    }

    /// What a plan for another backend than the embedded one needs, which itself needs nothing to be looked at.
    fn engines(&self) -> Option<Engines<'_>> {
        let Pipeline { environment, host, store, .. } = self.pipeline;
        let name = self.plan.backend.as_str();
        (name != "native").then(|| Engines { backends: host.backends(Some(name), environment), store })
    }

    /// Writes down that it may run.
    fn approve(&self) -> Result<(), PipelineError> {
        record::approval(self.asked, &self.decided.evidence().manifest, self.trail.as_ref())
    }

    /// Starts it under a supervisor of its own, and returns when its program runs.
    pub(crate) fn start(
        &self,
        sandboxes: &Sandboxes,
        id: &SandboxId,
        rootfs: &Rootfs,
        begin: Begin<'_>,
        (upkeep, probe): (&Upkeep, Option<(&Admitted<'_>, HealthCheck)>),
    ) -> Result<(), PipelineError> {
        self.check_secrets(begin.secrets)?;
        self.approve()?;
        if let Some((probe, _)) = probe {
            probe.approve()?;
        }
        let health = probe.map(|(probe, check)| HealthStart { check, plan: probe.plan });
        let Begin { stdin, again, secrets, window } = begin;
        let trail = self.trail.as_ref();
        let (restart, log, engines) = (upkeep.restart, upkeep.log, self.engines());
        let options = StartOptions { stdin, trail, again, secrets, window, restart, log, health, engines };
        Ok(sandboxes.start(id, self.plan, &self.decided.verified, rootfs, options)?)
    }

    /// Lets its program join a sandbox that runs, and stays until it has ended.
    pub(crate) fn join(
        &self,
        sandboxes: &Sandboxes,
        id: &SandboxId,
        streams: Streams,
        (terminal, commands): (Option<(u16, u16)>, Option<&Commands>),
    ) -> Result<Outcome, PipelineError> {
        self.approve()?;
        let trail = self.trail.as_ref();
        let surroundings = ExecSurroundings { trail, commands, terminal, clock: Timestamp::now };
        Ok(sandboxes.exec(id, self.plan, &self.decided.verified, streams, &surroundings)?)
    }

    /// Nothing is written down for a run that lacks a secret: it can be asked for again, with it.
    fn check_secrets(&self, secrets: Option<&Secrets>) -> Result<(), PipelineError> {
        Ok(secrets.unwrap_or(&Secrets::default()).check(&self.plan.secrets)?)
    }

    /// Writes down that it may not join, because the sandbox runs under another plan.
    pub(crate) fn changed(&self) -> Result<(), PipelineError> {
        record::other_plan(self.asked, self.trail.as_ref())
    }
}
