//! Where the time of a launch goes: the same steps, cut off after each of them in turn. Only in benches; nothing of it is
//! in the way of a real launch.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::LaunchPlan;

use super::failure::RunError;
use super::prepared::Prepared;
use super::run::connect;
use super::spec::{Ground, Spec};
use super::start::{StartError, start};
use super::sys::wait_exit;
use crate::io::Streams;
use crate::launch::LaunchError;

/// Times from before the clone until the child is collected, for a child that ends after the first step, after the second,
/// and so on; with what the last step of each was. The last child executes the program.
///
/// # Errors
/// As [`launch`](crate::launch()).
pub fn time_of_steps(
    plan: &LaunchPlan,
    rootfs: &Rootfs,
    rounds: usize,
) -> Result<Vec<(String, Vec<Duration>)>, LaunchError> {
    let facts = super::probe().ok_or(LaunchError::NoBackend)?;
    let prepared = Prepared::new(plan, rootfs, &facts.controls)?;
    let (settings, root) = prepared.parts();
    // Without cgroups: they would be made and removed for each child.
    let whole = Spec::assemble(settings, &Ground::survey(settings, root, None).map_err(RunError::from)?)
        .map_err(RunError::from)?;
    let mut times: Vec<(String, Vec<Duration>)> =
        whole.steps.iter().map(|step| (step.to_string(), Vec::new())).collect();
    for _ in 0..rounds {
        for (last, (_, times)) in times.iter_mut().enumerate() {
            let mut spec = whole.clone();
            spec.steps.truncate(last.saturating_add(1));
            let channel = |error| RunError::Start(StartError::Channel(error));
            let (running, given) = connect(settings, root, Streams::captured(), (24, 80)).map_err(channel)?;
            let begin = Instant::now();
            let child = start(&spec, given, |_| Ok(())).map_err(RunError::from)?;
            wait_exit(child.pidfd.as_fd()).map_err(|errno| channel(errno.into()))?;
            times.push(begin.elapsed());
            drop(running);
        }
    }
    Ok(times)
}
