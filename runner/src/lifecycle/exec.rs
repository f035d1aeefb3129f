//! Programs that join a running sandbox.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use jiff::Timestamp;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use perry_sandbox_policy::{LaunchPlan, Terminal};
use perry_sandbox_verifier::VerifiedImage;

use super::control::{Ask, AskedJoin, connect};
use super::error::LifecycleError;
use super::id::SandboxId;
use super::post::Post;
use super::record::State;
use super::sandboxes::Sandboxes;
use super::shape::shape;
use super::steer::runs;
use crate::backends::can_be_joined;
use crate::io::{Commands, Streams};
use crate::launch::{LaunchError, Outcome, same_image};
use crate::native::{
    self, Guest, Joined, end_session, join, peek_exited, run_guest, send, signal_by_pidfd, tell_exited,
    tell_refused, tell_started, wait_exit,
};
use crate::trail::{Event, RunEnd, RunStart, Trail};

/// What a program that joins needs beside its plan and image.
#[derive(Debug)]
pub struct ExecSurroundings<'a> {
    /// The trail, as for [`launch`](crate::launch).
    pub trail: Option<&'a Trail>,
    /// Speaks to the program while it runs.
    pub commands: Option<&'a Commands>,
    /// A terminal of the program's own, of so many rows and columns. It is made by this crate inside the sandbox, whatever
    /// the backend; the sandbox needs none for it.
    pub terminal: Option<(u16, u16)>,
    /// Tells the time for the trail.
    pub clock: fn() -> Timestamp,
}

impl Default for ExecSurroundings<'_> {
    fn default() -> Self {
        Self { trail: None, commands: None, terminal: None, clock: Timestamp::now }
    }
}

impl Sandboxes {
    /// Runs a program inside a running sandbox, under the same plan, and stays until it has ended. Arguments, variables,
    /// working folder, streams or terminal, wall time and output are its own; everything else must be as in the sandbox's plan. It
    /// ends with the sandbox, and with the caller; when it is killed, so is what it has left in its session.
    ///
    /// # Errors
    /// [`LifecycleError::NotRunning`], [`LifecycleError::OtherPlan`], [`LifecycleError::OtherImage`],
    /// [`LifecycleError::Launch`]. Nothing of the program is left then; the sandbox goes on.
    pub fn exec(
        &self,
        id: &SandboxId,
        plan: &LaunchPlan,
        image: &VerifiedImage,
        streams: Streams,
        surroundings: &ExecSurroundings<'_>,
    ) -> Result<Outcome, LifecycleError> {
        let (record, held) = self.home.look(id)?;
        let (Some(_), State::Running { shape: running, .. }) = (runs(&record, held), &record.state) else {
            return Err(LifecycleError::NotRunning { id: id.clone(), status: record.info(held).status });
        };
        if record.manifest != plan.manifest {
            let (created, given) = (record.manifest.to_string(), plan.manifest.to_string());
            return Err(LifecycleError::OtherImage { id: id.clone(), created, given });
        }
        same_image(plan, image)?;
        let other = |what| LifecycleError::OtherPlan { id: id.clone(), what };
        if plan.process.terminal == Terminal::Own {
            return Err(other(
                "a program that joins has its terminal from its surroundings, not from a plan",
            ));
        }
        let own = shape(plan);
        if own != *running {
            return Err(other("its tier, user, filter, grants or limits are not those of this plan"));
        }
        let settings = if plan.backend.as_str() == native::NAME {
            let facts = native::probe().ok_or(LaunchError::NoBackend)?;
            native::settings(plan, &facts.controls)
        } else {
            check_joined(plan)?;
            native::settings_of(plan)
        };
        let mut settings = settings.map_err(LaunchError::from)?;
        settings.terminal = surroundings.terminal.is_some();
        if settings.terminal {
            settings.env.entry("TERM".to_owned()).or_insert_with(|| "xterm".to_owned());
        }
        let asked = AskedJoin {
            argv: settings.argv.clone(),
            env: settings.env.clone(),
            cwd: settings.cwd.clone(),
            shape: own,
            manifest: plan.manifest.clone(),
        };
        let ask = if settings.terminal { Ask::JoinOnTerminal(asked) } else { Ask::Join(asked) };
        let reach = |what| move |source: io::Error| LifecycleError::Supervisor { what, source };
        let text = serde_json::to_vec(&ask).map_err(|error| reach("write a request to")(error.into()))?;
        let control = connect(&self.home.folder(id)).map_err(reach("reach"))?;
        let digest = plan.digest();
        let append = |event: &Event| {
            let line = surroundings.trail.map(|trail| trail.append((surroundings.clock)(), event));
            line.transpose().map_err(LaunchError::from)
        };
        let start = RunStart::of(plan, &digest, image.evidence());
        let started = append(&Event::RunStart(RunStart { terminal: settings.terminal, ..start }))?;
        // The connection stays open until the program has ended: without it the supervisor ends the program.
        let answer =
            run_guest(&settings, streams, surroundings.terminal, surroundings.commands, |descriptors| {
                send(&control, &text, descriptors)
            });
        let done = answer.as_ref().ok();
        let trail = append(&Event::RunEnd(RunEnd {
            plan: digest.to_string(),
            started: started.map_or(0, |mark| mark.sequence),
            end: done.map(|done| done.end),
            failure: answer.as_ref().err().map(|error| error.kind().to_owned()),
            limit: done.and_then(|done| done.limit),
            usage: done.map(|done| done.usage),
            output: done.map_or(0, |done| done.output),
            egress: None,
        }))?;
        let finished = answer.map_err(LaunchError::from)?;
        Ok(Outcome {
            end: finished.end,
            limit: finished.limit,
            stdout: finished.stdout,
            stderr: finished.stderr,
            usage: finished.usage,
            egress: None,
            plan: digest,
            trail,
        })
    }
}

/// Refuses a plan whose sandbox nobody can join.
pub(super) fn check_joined(plan: &LaunchPlan) -> Result<(), LifecycleError> {
    let backend = plan.backend.as_str();
    can_be_joined(backend).map_err(|why| LifecycleError::NotJoined { backend: backend.to_owned(), why })
}

/// The supervisor's side, on a thread of the guest's own: the kernel ends the program with this thread.
pub(super) fn host_guest(
    caller: &UnixStream,
    post: &Post,
    (asked, terminal): (AskedJoin, bool),
    descriptors: Vec<OwnedFd>,
) {
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next();
    let (Some(report), Some(stdin), Some(stdout), Some(stderr)) = (next(), next(), next(), next()) else {
        return;
    };
    // SECURITY: looked at here as well, against what this very process was started with.
    if asked.shape != post.order.shape || asked.manifest != post.order.manifest {
        return tell_refused(&report, "it runs under another plan or another image; ask again");
    }
    let target = match post.target() {
        Ok(target) => target,
        Err(why) => return tell_refused(&report, &why),
    };
    let Ok(own_report) = report.try_clone() else {
        return tell_refused(
            &report,
            "the supervisor has no descriptors left; try again when others have ended",
        );
    };
    let guest = Guest { argv: asked.argv, env: asked.env, cwd: asked.cwd, terminal };
    let streams = (own_report, [stdin, stdout, stderr]);
    let child = match join(&post.order.settings, guest, &target, streams, |pid| post.welcome(pid)) {
        Ok(Joined::In(child)) => child,
        Ok(Joined::Ended(exit)) => return tell_exited(&report, &exit),
        Err(error) => return tell_refused(&report, &error.to_string()),
    };
    tell_started(&report, &child);
    // Neither end of an interrupted wait is lost: both are looked at again.
    while !peek_exited(child.pidfd.as_fd()) {
        let mut entries = [
            PollFd::new(child.pidfd.as_fd(), PollFlags::POLLIN),
            PollFd::new(caller.as_fd(), PollFlags::POLLIN),
        ];
        if poll(&mut entries, PollTimeout::NONE).is_ok() && has_left(caller) {
            // Gone already is what we want.
            let _ = signal_by_pidfd(child.pidfd.as_raw_fd(), libc::SIGKILL);
            break;
        }
    }
    post.farewell(child.pid);
    let Ok(exit) = wait_exit(child.pidfd.as_fd()) else { return };
    post.spend(exit.user.saturating_add(exit.system));
    // A terminal that goes with its caller may have ended the program first.
    if exit.signal == Some(libc::SIGKILL) || has_left(caller) {
        end_session(target.pid, child.pid);
    }
    tell_exited(&report, &exit);
}

/// A caller says nothing more: whatever comes is its end.
fn has_left(caller: &UnixStream) -> bool {
    let mut entries = [PollFd::new(caller.as_fd(), PollFlags::POLLIN)];
    poll(&mut entries, PollTimeout::ZERO).map_or(true, |count| count > 0)
}
