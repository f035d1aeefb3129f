//! The one verb: a plan and a verified image become an outcome, or a reason why nothing ran.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use jiff::Timestamp;
use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::{LaunchPlan, PlanDigest};
use perry_sandbox_reference::Digest;
use perry_sandbox_verifier::VerifiedImage;
use serde::Serialize;
use thiserror::Error;

use crate::backends::{self, Around, Engines};
use crate::demands::PlanError;
use crate::egress::EgressUse;
use crate::io::{Commands, Streams};
use crate::native::{self, Launcher, RunError};
use crate::outcome::{End, Limit, Usage};
use crate::record::RecordError;
use crate::secret::{SecretError, Secrets};
use crate::trail::{EgressCount, Event, Mark, RunEnd, RunStart, Trail, TrailError};

/// How a launched plan ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// How the program ended.
    pub end: End,
    /// The limit that ended it, if one did.
    pub limit: Option<Limit>,
    /// What was kept of standard output.
    #[serde(skip)]
    pub stdout: Vec<u8>,
    /// What was kept of standard error.
    #[serde(skip)]
    pub stderr: Vec<u8>,
    /// What it used.
    pub usage: Usage,
    /// What it did with its egress grant, if it has one. A program that joined shares that of its sandbox, and has none here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressUse>,
    /// The plan that ran.
    pub plan: PlanDigest,
    /// The trail's line about the end.
    pub trail: Option<Mark>,
}

/// Why nothing ran, or why a run was stopped. Nothing of it is left.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The image is not the one that the plan was made for.
    #[error("the plan is for {planned} but the verified image is {verified}: nothing was started")]
    OtherImage {
        /// What the plan names.
        planned: Digest,
        /// What was verified.
        verified: Digest,
    },
    /// The backend cannot keep a line of the plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The sandbox could not be started or watched.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The trail cannot be written.
    #[error(transparent)]
    Trail(#[from] TrailError),
    /// The secrets that are supplied are not those that the plan gives.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The run may not be recorded.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// There is no native backend.
    #[error("the native backend cannot be probed")]
    NoBackend,
}

/// What a launch needs beside the plan and the image.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The folder of live sandboxes, owner only: `$XDG_RUNTIME_DIR/perry-sandbox`.
    pub runtime: &'a Path,
    /// The trail; without one nothing is written down, which only a policy without `audit` may ask for.
    pub trail: Option<&'a Trail>,
    /// Speaks to the sandbox while it runs.
    pub commands: Option<&'a Commands>,
    /// Values of the secrets that the plan gives, and no others.
    pub secrets: Option<&'a Secrets>,
    /// Rows and columns of the terminal, where the plan has one.
    pub window: (u16, u16),
    /// Tells the time for the trail.
    pub clock: fn() -> Timestamp,
    /// Backends beside the embedded one; without them only its plans run.
    pub engines: Option<Engines<'a>>,
}

/// Starts the sandbox that the plan describes and stays until it has ended.
///
/// This process clones, which is right for a small program; a large or threaded one keeps a [`Launcher`] and calls
/// [`Launcher::launch`].
///
/// # Errors
/// [`LaunchError`], and then nothing of the sandbox is left.
pub fn launch(
    plan: &LaunchPlan,
    image: &VerifiedImage,
    rootfs: &Rootfs,
    streams: Streams,
    surroundings: &Surroundings<'_>,
) -> Result<Outcome, LaunchError> {
    launch_from((None, None), (plan, image, rootfs), streams, surroundings)
}

impl Launcher {
    /// As [`launch`], with the launcher process as the one that clones.
    ///
    /// # Errors
    /// As [`launch`].
    pub fn launch(
        &self,
        plan: &LaunchPlan,
        image: &VerifiedImage,
        rootfs: &Rootfs,
        streams: Streams,
        surroundings: &Surroundings<'_>,
    ) -> Result<Outcome, LaunchError> {
        let _turn = self.turn();
        launch_from((Some(self), None), (plan, image, rootfs), streams, surroundings)
    }
}

/// The one way: by a launcher process or not, recorded or not.
pub(crate) fn launch_from(
    (launcher, recorder): (Option<&Launcher>, Option<&native::Recorder>),
    (plan, image, rootfs): (&LaunchPlan, &VerifiedImage, &Rootfs),
    streams: Streams,
    surroundings: &Surroundings<'_>,
) -> Result<Outcome, LaunchError> {
    same_image(plan, image)?;
    same_secrets(plan, surroundings.secrets)?;
    // Only the embedded backend records.
    let engines = surroundings.engines.filter(|_| recorder.is_none());
    let work = Work::prepare((plan, image, rootfs), engines.map(|engines| (engines, surroundings.runtime)))?;
    let digest = plan.digest();
    let start = RunStart::of(plan, &digest, image.evidence());
    let event = Event::RunStart(RunStart { recorded: recorder.is_some(), ..start });
    let first = FirstLine { surroundings, event, written: OnceLock::new() };
    let answer = match &work {
        Work::Native(prepared) => {
            prepared.run(streams, surroundings, (launcher, recorder), &|| first.write())
        }
        Work::Engine(prepared) => {
            let (runtime, secrets) = (surroundings.runtime, surroundings.secrets);
            let window = surroundings.window;
            let (publish, before) = (&plan.publish, &|| first.write());
            let around = Around { runtime, secrets, observer: None, publish, window, before };
            prepared.run(streams, surroundings.commands, &around)
        }
    };
    let started = first.finish()?;
    let mut end = RunEnd {
        plan: digest.to_string(),
        started: started.map_or(0, |mark| mark.sequence),
        end: None,
        failure: None,
        limit: None,
        usage: None,
        output: 0,
        egress: None,
    };
    match answer {
        Ok(finished) => {
            end.end = Some(finished.end);
            end.limit = finished.limit;
            end.usage = Some(finished.usage);
            end.output = finished.output;
            end.egress = finished.egress.as_ref().map(EgressCount::from);
            let trail = surroundings.append(&Event::RunEnd(end))?;
            Ok(Outcome {
                end: finished.end,
                limit: finished.limit,
                stdout: finished.stdout,
                stderr: finished.stderr,
                usage: finished.usage,
                egress: finished.egress,
                plan: digest,
                trail,
            })
        }
        Err(error) => {
            end.failure = Some(error.kind().to_owned());
            surroundings.append(&Event::RunEnd(end))?;
            Err(error.into())
        }
    }
}

/// A plan that has been checked against the backend that it names.
enum Work<'a> {
    Native(Box<native::Prepared>),
    Engine(Box<backends::Prepared<'a>>),
}

impl<'a> Work<'a> {
    /// Checks every line before anything starts.
    fn prepare(
        (plan, image, rootfs): (&LaunchPlan, &'a VerifiedImage, &Rootfs),
        engines: Option<(Engines<'a>, &Path)>,
    ) -> Result<Self, LaunchError> {
        if let Some((engines, runtime)) = engines.filter(|_| plan.backend.as_str() != native::NAME) {
            return Ok(Self::Engine(Box::new(backends::Prepared::new(
                plan, image, rootfs, engines, runtime,
            )?)));
        }
        let facts = native::probe().ok_or(LaunchError::NoBackend)?;
        Ok(Self::Native(Box::new(native::Prepared::new(plan, rootfs, &facts.controls)?)))
    }
}

impl Surroundings<'_> {
    fn append(&self, event: &Event) -> Result<Option<Mark>, TrailError> {
        self.trail.map(|trail| trail.append((self.clock)(), event)).transpose()
    }
}

/// The trail's line about a start. It is on disk before the program runs, and written while the sandbox is set up: the
/// disk takes as long as the kernel does for that.
struct FirstLine<'a> {
    surroundings: &'a Surroundings<'a>,
    event: Event,
    written: OnceLock<Result<Option<Mark>, TrailError>>,
}

impl FirstLine<'_> {
    /// Writes it, once. A failure is kept for [`FirstLine::finish`].
    fn write(&self) -> io::Result<()> {
        let written = self.written.get_or_init(|| self.surroundings.append(&self.event));
        written.as_ref().map(drop).map_err(|error| io::Error::other(error.to_string()))
    }

    /// What came of it; a sandbox that did not get so far is written down all the same.
    fn finish(self) -> Result<Option<Mark>, TrailError> {
        self.written.into_inner().unwrap_or_else(|| self.surroundings.append(&self.event))
    }
}

/// What [`launch`] would do, step by step, without doing it. Engines come with the folder of live sandboxes.
///
/// # Errors
/// As [`launch`], up to the start.
pub fn dry_run(
    plan: &LaunchPlan,
    image: &VerifiedImage,
    rootfs: &Rootfs,
    engines: Option<(Engines<'_>, &Path)>,
) -> Result<DryRun, LaunchError> {
    same_image(plan, image)?;
    match Work::prepare((plan, image, rootfs), engines)? {
        Work::Native(prepared) => Ok(DryRun(prepared.dry_run()?)),
        Work::Engine(prepared) => Ok(DryRun(prepared.steps())),
    }
}

/// Exactly what would be executed, line by line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DryRun(pub Vec<String>);

impl fmt::Display for DryRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Every secret of the plan has a value, and nothing else has.
pub(crate) fn same_secrets(plan: &LaunchPlan, secrets: Option<&Secrets>) -> Result<(), SecretError> {
    secrets.unwrap_or(&Secrets::default()).check(&plan.secrets)
}

/// INVARIANT: the digest that runs is the digest that was verified.
pub(crate) fn same_image(plan: &LaunchPlan, image: &VerifiedImage) -> Result<(), LaunchError> {
    let pairs = [
        (&plan.manifest, image.manifest_digest()),
        (&plan.manifest, &image.evidence().manifest),
        (&plan.config, image.config_digest()),
    ];
    pairs.into_iter().find(|(planned, verified)| planned != verified).map_or(Ok(()), |(planned, verified)| {
        Err(LaunchError::OtherImage { planned: planned.clone(), verified: verified.clone() })
    })
}
