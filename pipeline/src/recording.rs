//! A capability's system calls, recorded over several runs, and proved: every run goes past all desks' answers, and the
//! proof asks them again.

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::SharedProfile;
use perry_sandbox_profiles::{
    Arch, Draft, MergeError, Outside, ProfileError, ProfileName, Recorded, Recording, Runtime,
    SeccompProfile, Sight,
};
use perry_sandbox_runner::{End, Input, Limit, Outcome, Output, PlanError, Secrets, Streams, c_library};
use thiserror::Error;

use crate::admit::{Admitted, Live};
use crate::error::PipelineError;
use crate::terms::Terms;
use crate::wish::Wish;

/// A recording that is not settled by then is left as it is.
pub const MOST_RUNS: u32 = 32;
/// So many fragile calls are left out, one after the other, to see whether they are needed.
const MOST_FRAGILE: usize = 32;

/// What is recorded, and how.
#[derive(Debug)]
pub struct RecordOrder<'a> {
    /// The wish that was admitted.
    pub wish: &'a Wish,
    /// What the profile is called.
    pub name: ProfileName,
    /// How many runs there are at least.
    pub runs: u32,
    /// An older recording to go on with.
    pub old: Option<&'a SeccompProfile>,
    /// What every run reads.
    pub stdin: Vec<u8>,
    /// Values of the secrets that the plan gives.
    pub secrets: Option<&'a Secrets>,
}

/// How one run ended: the limit too, where one ended it.
pub type Ended = (End, Option<Limit>);

/// What is going on.
#[derive(Debug)]
pub enum Told<'a> {
    /// A run was recorded.
    Run {
        /// Its number, from 1.
        number: u32,
        /// How it ended.
        outcome: &'a Outcome,
        /// How much of it was new.
        new: usize,
    },
    /// The profile was enforced, every other call killing.
    Proof {
        /// How that run ended.
        ended: Ended,
        /// Whether it ended as the recorded ones.
        holds: bool,
    },
    /// It was enforced without a call that was seen once.
    Without {
        /// The call.
        sight: Sight,
        /// How that run ended.
        ended: Ended,
        /// Whether it ended otherwise than the recorded ones.
        needed: bool,
    },
}

/// What a recording came to.
#[derive(Debug)]
pub struct RecordedRuns {
    /// The profile.
    pub profile: SeccompProfile,
    /// What was seen.
    pub recording: Recording,
    /// Calls that were seen once, and whether the program ended otherwise without them.
    pub fragile: Vec<(Sight, bool)>,
}

/// Why there is no profile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// A number of runs that is not made.
    #[error("{0} runs are not made: ask for 1 to {MOST_RUNS}")]
    Runs(u32),
    /// The older recording does not fit.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// The profile cannot be written.
    #[error("the recording cannot be written as a profile: {0}")]
    Profile(#[from] ProfileError),
    /// The policy denies the very same wish under a profile that is tighter.
    #[error("the recording cannot be proved: the policy, or the image, changed while it was made")]
    Changed,
}

impl Admitted<'_> {
    /// Records until there were enough runs and the last two showed nothing new, then proves what came of it.
    ///
    /// # Errors
    /// A run could not be made, or the older recording does not fit.
    pub fn record(
        &self,
        rootfs: &Rootfs,
        order: &RecordOrder<'_>,
        tell: &mut dyn FnMut(&Told<'_>),
    ) -> Result<RecordedRuns, PipelineError> {
        if !(1..=MOST_RUNS).contains(&order.runs) {
            return Err(RecordingError::Runs(order.runs).into());
        }
        let arch = Arch::host().ok_or(PlanError::Arch).map_err(perry_sandbox_runner::LaunchError::from)?;
        let mut recording = Recording::new(&self.plan.seccomp, arch);
        order.old.map_or(Ok(()), |old| recording.go_on_with(old)).map_err(RecordingError::from)?;
        let mut ends = Vec::new();
        let mut number = 0_u32;
        while number < order.runs || (number < MOST_RUNS && !recording.is_settled()) {
            number = number.saturating_add(1);
            let (outcome, run) = self.record_once(rootfs, streams(order), &live(order))?;
            let new = recording.add(&run);
            tell(&Told::Run { number, outcome: &outcome, new });
            ends.push((outcome.end, outcome.limit));
        }
        self.prove(rootfs, order, recording, &ends, tell)
    }

    fn prove(
        &self,
        rootfs: &Rootfs,
        order: &RecordOrder<'_>,
        recording: Recording,
        ends: &[Ended],
        tell: &mut dyn FnMut(&Told<'_>),
    ) -> Result<RecordedRuns, PipelineError> {
        let mut recorded = self.evidence(rootfs, &recording);
        let deadly = |recorded: &Recorded, without| {
            let draft = draft(order, recorded.clone(), Outside::Kill, without);
            recording.profile(&draft).map_err(RecordingError::from)
        };
        let ended = self.enforce(order, deadly(&recorded, None)?)?;
        recorded.proved = ends.contains(&ended);
        tell(&Told::Proof { ended, holds: recorded.proved });
        let mut fragile = Vec::new();
        for sight in recording.fragile().into_iter().take(MOST_FRAGILE).filter(|_| recorded.proved) {
            let ended = self.enforce(order, deadly(&recorded, Some(sight))?)?;
            let needed = !ends.contains(&ended);
            tell(&Told::Without { sight, ended, needed });
            fragile.push((sight, needed));
        }
        let draft = draft(order, recorded, Outside::AsInForce, None);
        let profile = recording.profile(&draft).map_err(RecordingError::from)?;
        Ok(RecordedRuns { profile, recording, fragile })
    }

    /// Runs the wish once more under a tighter profile: asked, verified, decided and admitted anew.
    fn enforce(&self, order: &RecordOrder<'_>, profile: SeccompProfile) -> Result<Ended, PipelineError> {
        let profile = SharedProfile::from(profile);
        let terms = Terms { profile: Some(&profile), ..Terms::default() };
        let asked = self.pipeline.ask_under(order.wish, None, &terms)?;
        let admitted = self.pipeline.admit(&asked)?.ok_or(RecordingError::Changed)?;
        if admitted.plan.manifest != self.plan.manifest {
            return Err(RecordingError::Changed.into());
        }
        let rootfs = admitted.rootfs(&crate::Silent)?;
        let outcome = admitted.launch(&rootfs, streams(order), &live(order))?;
        Ok((outcome.end, outcome.limit))
    }

    fn evidence(&self, rootfs: &Rootfs, recording: &Recording) -> Recorded {
        let kernel = nix::sys::utsname::uname().map(|name| name.release().to_string_lossy().into_owned());
        let (plan, under) = (self.plan, &self.plan.seccomp);
        Recorded {
            recorder: format!("perry-sandbox {}", env!("CARGO_PKG_VERSION")),
            kernel: Recorded::word(&kernel.unwrap_or_default()),
            libc: Recorded::word(&c_library(rootfs, plan)),
            image: plan.manifest.to_string(),
            command: Recorded::words(&plan.process.argv),
            tier: plan.tier.to_string(),
            under: format!("{} {}", under.name(), under.digest()),
            runs: recording.runs(),
            settled: recording.is_settled(),
            proved: false,
            not_exercised: recording.not_exercised(),
        }
    }
}

fn draft<'a>(
    order: &RecordOrder<'_>,
    recorded: Recorded,
    outside: Outside,
    without: Option<Sight>,
) -> Draft<'a> {
    let runtime = Runtime::find("native").map_or(("native", [].as_slice()), |it| (it.name(), it.calls()));
    Draft { name: order.name.clone(), recorded, runtime, outside, without }
}

fn streams(order: &RecordOrder<'_>) -> Streams {
    let stdin = Input::Bytes(order.stdin.clone());
    Streams { stdin, stdout: Output::Capture, stderr: Output::Capture }
}

fn live<'a>(order: &RecordOrder<'a>) -> Live<'a> {
    Live { secrets: order.secrets, ..Live::default() }
}
