//! A launch whose system calls are written down. The same way as [`launch`](crate::launch()), by a verb of its own: no
//! launch becomes a recording by a setting.

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::{IsolationLevel, LaunchPlan};
use perry_sandbox_profiles::Run;
use perry_sandbox_verifier::VerifiedImage;
use thiserror::Error;

use crate::io::Streams;
use crate::launch::{LaunchError, Outcome, Surroundings, launch_from};
use crate::native::{Recorder, RunError};

/// Why a plan is not recorded. Nothing was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The tier says that the code is not trusted.
    #[error(
        "denied: what runs in the tier `untrusted` is not recorded: a hostile program would write its own profile"
    )]
    Untrusted,
    /// There is no filter of ours at that level.
    #[error("system calls can be recorded at isolation level `oci` only, and the plan is for `{0}`")]
    Isolation(IsolationLevel),
}

/// As [`launch`](crate::launch()), and every system call from the start of the program on is noted, of all threads and
/// children.
///
/// What the plan's filter admits goes on, what it denies is denied with the same answer: the recorder runs that very
/// filter on what the kernel shows it. Calls that the filter kills for, and foreign ABIs, are killed for by the kernel.
/// The trail says that it was a recording.
///
/// # Errors
/// As [`launch`](crate::launch()), and [`RecordError`].
pub fn record(
    plan: &LaunchPlan,
    image: &VerifiedImage,
    rootfs: &Rootfs,
    streams: Streams,
    surroundings: &Surroundings<'_>,
) -> Result<(Outcome, Run), LaunchError> {
    if plan.tier.as_str() == "untrusted" {
        return Err(RecordError::Untrusted.into());
    }
    if plan.isolation != IsolationLevel::Oci {
        return Err(RecordError::Isolation(plan.isolation).into());
    }
    let recorder = Recorder::new(&plan.seccomp)?;
    let outcome = launch_from((None, Some(&recorder)), (plan, image, rootfs), streams, surroundings);
    let run = recorder.finish().map_err(RunError::Recorder);
    Ok((outcome?, run?))
}
