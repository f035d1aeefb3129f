//! The caller's side of a detached run: handing it over.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::memfd::{MFdFlags, memfd_create};
use perry_sandbox_image::Rootfs;
use perry_sandbox_policy::{LaunchPlan, Terminal};
use perry_sandbox_verifier::VerifiedImage;

use super::control::{Answer, Order};
use super::error::LifecycleError;
use super::exec::check_joined;
use super::folder::Held;
use super::health::{HealthOrder, HealthStart};
use super::id::SandboxId;
use super::log::LogBounds;
use super::record::{Record, SandboxStatus};
use super::restart::Restart;
use super::sandboxes::Sandboxes;
use super::shape::shape;
use super::steer::supervisor;
use crate::backends::{self, Engines};
use crate::demands::PlanError;
use crate::io::Input;
use crate::launch::{LaunchError, same_image, same_secrets};
use crate::native::{self, Prepared, Role, RootFolder, Settings, receive, send, start_helper};
use crate::secret::Secrets;
use crate::trail::{Event, RunEnd, RunStart, Trail};

/// What a start needs beside the plan and the image.
#[derive(Debug)]
pub struct StartOptions<'a> {
    /// What the program reads. Bytes and descriptors are handed over: the caller may exit at once.
    pub stdin: Input,
    /// The trail, as for [`launch`](crate::launch); the supervisor writes the end of the run into it.
    pub trail: Option<&'a Trail>,
    /// Whether one that has been started before may be started again once it has ended.
    pub again: bool,
    /// Values of the secrets that the plan gives. The supervisor has them as long as it lives; they are stored nowhere, so
    /// every start needs them.
    pub secrets: Option<&'a Secrets>,
    /// Rows and columns of the terminal, where the plan has one.
    pub window: (u16, u16),
    /// Which ends its supervisor does not take for the last.
    pub restart: Restart,
    /// How much of what it writes is kept.
    pub log: LogBounds,
    /// Backends beside the embedded one, as for [`launch`](crate::launch).
    pub engines: Option<Engines<'a>>,
    /// Who says whether it is well.
    pub health: Option<HealthStart<'a>>,
}

impl Default for StartOptions<'_> {
    fn default() -> Self {
        Self {
            stdin: Input::Null,
            trail: None,
            again: false,
            secrets: None,
            window: (24, 80),
            restart: Restart::No,
            log: LogBounds::default(),
            engines: None,
            health: None,
        }
    }
}

/// What a plan comes to.
struct Work {
    settings: Settings,
    root: RootFolder,
    engine: Option<backends::Work>,
}

impl Sandboxes {
    /// Starts a sandbox under a supervisor of its own, and answers when its program runs. All checks are made here, as
    /// by [`launch`](crate::launch); the supervisor gets what they came to.
    ///
    /// # Errors
    /// [`LifecycleError::Busy`] when somebody else starts, runs or removes it; [`LifecycleError::StartedBefore`] without
    /// [`StartOptions::again`]; [`LifecycleError::OtherImage`]; [`LifecycleError::Launch`] for what fails before the
    /// hand-over and [`LifecycleError::Failed`] for what fails after it. No process is left then, and the sandbox is as it
    /// was.
    pub fn start(
        &self,
        id: &SandboxId,
        plan: &LaunchPlan,
        image: &VerifiedImage,
        rootfs: &Rootfs,
        options: StartOptions<'_>,
    ) -> Result<(), LifecycleError> {
        let held = self.home.hold(id, Duration::ZERO)?;
        // Looked at with the lock held: nobody else changes it.
        let (record, _) = self.home.look(id)?;
        let Some(held) = held else {
            return Err(LifecycleError::Busy { id: id.clone(), status: record.info(true).status });
        };
        let before = record.clone().info(false).status;
        if before != SandboxStatus::Created && !options.again {
            return Err(LifecycleError::StartedBefore { id: id.clone(), status: before });
        }
        if record.manifest != plan.manifest {
            let (created, given) = (record.manifest.to_string(), plan.manifest.to_string());
            return Err(LifecycleError::OtherImage { id: id.clone(), created, given });
        }
        same_image(plan, image)?;
        same_secrets(plan, options.secrets).map_err(LaunchError::from)?;
        let work = self.work((plan, image, rootfs), options.engines, options.health.is_some())?;
        let health = options.health.map(|health| health_order(id, plan, image, &health)).transpose()?;
        let digest = plan.digest();
        let mut trail = None;
        if let Some(open) = options.trail {
            let event = Event::RunStart(RunStart::of(plan, &digest, image.evidence()));
            let mark = open.append((self.clock)(), &event).map_err(LaunchError::from)?;
            trail = Some((open, mark.sequence));
        }
        let Work { settings, root, engine } = work;
        let order = Order {
            settings,
            engine,
            root: root.path.clone(),
            runtime: self.runtime.clone(),
            id: id.clone(),
            plan: digest.as_digest().clone(),
            shape: shape(plan),
            manifest: plan.manifest.clone(),
            trail: trail.map(|(trail, number)| (trail.folder().to_owned(), number)),
            window: options.window,
            input: !matches!(options.stdin, Input::Null),
            restart: options.restart,
            log: options.log,
            health,
        };
        let with = (options.stdin, options.secrets);
        let answer = self.hand_over(&order, (&root.folder, rootfs), (held, &record), with);
        if let (Err((error, true)), Some((trail, started))) = (&answer, trail) {
            // The supervisor has not come so far that it could write the end down.
            let end = RunEnd {
                plan: digest.to_string(),
                started,
                end: None,
                failure: Some(error.kind().to_owned()),
                limit: None,
                usage: None,
                output: 0,
                egress: None,
            };
            trail.append((self.clock)(), &Event::RunEnd(end)).map_err(LaunchError::from)?;
        }
        answer.map_err(|(error, _)| error)
    }

    /// Checks every line of the plan, and says what the supervisor is to do. An engine has the image then.
    fn work(
        &self,
        (plan, image, rootfs): (&LaunchPlan, &VerifiedImage, &Rootfs),
        engines: Option<Engines<'_>>,
        is_checked: bool,
    ) -> Result<Work, LifecycleError> {
        let Some(engines) = engines.filter(|_| plan.backend.as_str() != native::NAME) else {
            let facts = native::probe().ok_or(LaunchError::NoBackend)?;
            let prepared = Prepared::new(plan, rootfs, &facts.controls).map_err(LaunchError::from)?;
            let (settings, root) = prepared.into_parts();
            return Ok(Work { settings, root, engine: None });
        };
        if is_checked {
            check_joined(plan)?;
        }
        let prepared = backends::Prepared::new(plan, image, rootfs, engines, &self.runtime);
        let prepared = prepared.map_err(LaunchError::from)?;
        let unreadable = |error: io::Error| LaunchError::from(PlanError::RootFolder(error.to_string()));
        let root = RootFolder::of(rootfs).map_err(unreadable)?;
        let settings = native::settings_of(plan).map_err(LaunchError::from)?;
        prepared.bring(&self.runtime).map_err(LaunchError::from)?;
        Ok(Work { settings, root, engine: Some(prepared.work().clone()) })
    }

    /// Gives a new supervisor its order. An error says whether the end of the run is still to be written down.
    fn hand_over(
        &self,
        order: &Order,
        (root, rootfs): (&OwnedFd, &Rootfs),
        (held, before): (Held, &Record),
        (stdin, secrets): (Input, Option<&Secrets>),
    ) -> Result<(), (LifecycleError, bool)> {
        let early = |what| move |error| (supervisor(what)(error), true);
        let input = input(stdin).map_err(early("hand the input to"))?;
        // The store removes what nobody holds: this process may be gone long before the sandbox.
        let tree = rootfs.hold().map_err(early("hand the image to"))?;
        let text = serde_json::to_vec(order).map_err(|error| early("write the order of")(error.into()))?;
        let (control, theirs) = UnixStream::pair().map_err(early("make a channel to"))?;
        let mut helper =
            start_helper(&self.program, Role::Detacher, theirs.into()).map_err(early("start"))?;
        match helper.wait() {
            Ok(status) if !status.success() => {
                let why = "the program does not call the helper hook, or could not be executed again";
                return Err(early("start")(io::Error::other(why)));
            }
            // A program that ignores SIGCHLD cannot wait; the supervisor speaks for itself below.
            Err(error) if error.raw_os_error() == Some(libc::ECHILD) => {}
            other => {
                other.map_err(early("start"))?;
            }
        }
        let lock = held.file().ok_or_else(|| early("start")(io::ErrorKind::NotFound.into()))?;
        let mut descriptors = vec![root.as_fd(), lock.as_fd(), tree.as_fd()];
        let names = order.settings.secrets.iter();
        descriptors.extend(names.filter_map(|name| secrets.and_then(|secrets| secrets.descriptor(name))));
        descriptors.extend(input.as_ref().map(OwnedFd::as_fd));
        send(&control, &text, &descriptors).map_err(early("reach"))?;
        drop((input, tree));
        let late = |error| (supervisor("hear of")(error), true);
        let answer = match receive(&control) {
            Ok(Some((answer, _))) => answer,
            other => {
                // It has died, and its sandbox with it. The lock is ours as well.
                held.write(before).map_err(|error| (error, true))?;
                let died = io::Error::new(io::ErrorKind::UnexpectedEof, "it died before it said anything");
                return Err(late(other.err().unwrap_or(died)));
            }
        };
        // From here on the lock is the supervisor's to give back.
        held.handed_over();
        match serde_json::from_slice(&answer).map_err(|error| late(error.into()))? {
            Answer::Started => Ok(()),
            Answer::Failed { kind, why, traced } => Err((LifecycleError::Failed { kind, why }, !traced)),
        }
    }
}

/// The program of a health check joins as any other, so it is held to what any other is held to.
fn health_order(
    id: &SandboxId,
    plan: &LaunchPlan,
    image: &VerifiedImage,
    health: &HealthStart<'_>,
) -> Result<HealthOrder, LifecycleError> {
    let other = |what| LifecycleError::OtherPlan { id: id.clone(), what };
    if health.plan.manifest != plan.manifest {
        let (created, given) = (plan.manifest.to_string(), health.plan.manifest.to_string());
        return Err(LifecycleError::OtherImage { id: id.clone(), created, given });
    }
    same_image(health.plan, image)?;
    if health.plan.process.terminal == Terminal::Own || shape(health.plan) != shape(plan) {
        return Err(other(
            "the program of its health check would have another tier, user, filter, grants, limits or terminal",
        ));
    }
    let process = &health.plan.process;
    let (argv, env, cwd) = (process.argv.clone(), process.env.clone(), process.cwd.clone());
    Ok(HealthOrder { argv, env, cwd, check: health.check })
}

/// The input as one descriptor; bytes lie in memory that nobody else has.
fn input(stdin: Input) -> io::Result<Option<OwnedFd>> {
    match stdin {
        Input::Null => Ok(None),
        Input::Descriptor(source) => Ok(Some(source)),
        Input::Bytes(bytes) => {
            let mut file = File::from(memfd_create(c"input", MFdFlags::MFD_CLOEXEC)?);
            file.write_all(&bytes)?;
            file.seek(SeekFrom::Start(0))?;
            Ok(Some(file.into()))
        }
    }
}
