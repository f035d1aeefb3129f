//! A launch plan and a verified image in, an outcome out.
//!
//! [`launch`] starts a process and stays with it, [`record()`] does so and notes its system calls; [`Sandboxes`] starts one
//! that outlives its caller, and lets programs join it. There is no other way, and all make the same checks. [`launch`]
//! takes a plan of the policy and an image of the verifier, refuses them when they do not name the same digest, checks
//! every line of the plan against what this host can enforce ([`probe`]), and only then makes anything. The `native`
//! backend builds the sandbox itself, as root or as an ordinary user: own user, mount, pid, network, ipc, uts and cgroup
//! namespaces; a read-only root, or a writable one in bounded
//! memory; our own /proc, /dev and /tmp; no Linux caps but the listed ones; no new privileges; a seccomp filter.
//!
//! ```no_run
//! # fn run(
//! #     plan: &perry_sandbox_policy::LaunchPlan, image: &perry_sandbox_verifier::VerifiedImage,
//! #     rootfs: &perry_sandbox_image::Rootfs, trail: &perry_sandbox_runner::Trail,
//! # ) -> Result<(), perry_sandbox_runner::LaunchError> {
//! use perry_sandbox_runner::{Streams, Surroundings, launch};
//!
//! let surroundings = Surroundings {
//!     runtime: std::path::Path::new("/run/user/1000/perry-sandbox"),
//!     trail: Some(trail),
//!     commands: None,
//!     secrets: None,
//!     window: (24, 80),
//!     clock: jiff::Timestamp::now,
//!     engines: None,
//! };
//! let outcome = launch(plan, image, rootfs, Streams::captured(), &surroundings)?;
//! println!("{:?} after {:?}", outcome.end, outcome.usage.wall);
//! # Ok(())
//! # }
//! ```
//!
//! # What holds
//!
//! - What the child does between clone and exec is a list of steps, made by a pure function; [`dry_run`] prints that
//!   very list. Each step that fails is reported by number and name, and nothing of the sandbox is left then.
//! - Nothing of the host is passed in: streams are pipes of the sandbox's own, paths are resolved by descriptor without
//!   following links, and the terminal is made inside.
//! - The sandbox ends with the program, with its limits, and with the runner, however the runner dies. What a killed
//!   runner leaves (a cgroup) is removed by its launcher process, and where it has none by the next start.
//! - Without a trail that can be written nothing runs; the [`Trail`] shows every change to what it holds.
//! - A sandbox that outlives its caller has a supervisor of its own: this very program, executed again ([`helper_hook`]).
//!   It gets everything over a socket, and dies with nothing left. A program that joins is held by the same walls, and
//!   until it executes its program there is nothing that the sandbox could take from it.
//! - What services of a project share is made by [`stock::OwnStock`], and by no run: volumes, in which nothing is executed, and
//!   networks, which lead to no other network, to nothing of the host and not outside.
//! - No program of the host is executed inside, not even as the interpreter of a script: paths that lead into /proc are
//!   refused.
//!
//! # What does not
//!
//! The kernel is shared: a hole in it is a way out. A cgroup is needed for an exact memory limit; without one the limit
//! is watched: each process is bounded by `RLIMIT_DATA`, and their sum is looked at every 25 ms. An ordinary user keeps
//! the groups of the host that the user is in, as the kernel does not let them be dropped without root; no file of the
//! host is in reach but through a mount. As root, the owner of a
//! mounted host folder is the sandbox's user inside where the file system can show that, and all else belongs to nobody. The program is
//! process 1 and has to collect its own zombies; those that it leaves count against its limit of processes.
//!
//! Linux 5.12 or newer on `x86_64` or `aarch64`; tested on `x86_64`.

// Integration tests and tests of our own share a file that names this crate.
#[cfg(test)]
extern crate self as perry_sandbox_runner;

mod backends;
mod c_library;
mod demands;
mod egress;
mod io;
mod launch;
mod lifecycle;
mod microvm;
mod native;
mod outcome;
mod project;
mod publish;
mod record;
mod relay;
mod secret;
// A plan as the integration tests make one.
#[cfg(test)]
#[path = "../tests/support/spine.rs"]
mod spine;
mod trail;
#[cfg(feature = "wasm")]
mod wasm;

pub use backends::stock;
pub use backends::{
    AbsentBackend, Backends, BuildCache, BuildError, BuildOrder, BuildPull, Builder, BuilderKind, Building,
    ContainerMode, ContainerModeError, Engines, HostTools, InstallCommand, LATENESS, ToolError,
    mounts_single_files,
};
pub use c_library::c_library;
pub use demands::PlanError;
#[doc(hidden)]
pub use egress::fuzzing;
pub use egress::{EgressReason, EgressRefusal, EgressUse};
pub use io::{Command, CommandSource, Commands, Input, Output, Remote, Streams, remote};
pub use launch::{DryRun, LaunchError, Outcome, Surroundings, dry_run, launch};
#[doc(hidden)]
pub use lifecycle::check_record;
pub use lifecycle::{
    BadAnswer, CopyBounds, CopyError, ExecSurroundings, FailureKind, Filter, Finish, Health, HealthCheck,
    HealthStart, Labels, LifecycleError, Load, LogBounds, LogBoundsError, LogChunk, LogEnd, LogStream, Logs,
    NewSandbox, ProbeEnd, Restart, RestartError, SandboxFiles, SandboxId, SandboxInfo, SandboxName,
    SandboxStatus, Sandboxes, StartOptions, Stop,
};
#[cfg(feature = "measure")]
pub use native::time_of_steps;
pub use native::{
    DeviceError, Launcher, RootError, RunError, SetupError, SpecError, StartError, TextError, helper_hook,
    launcher_main, probe,
};
pub use outcome::{End, Limit, Measured, Usage};
pub use publish::PublishError;
pub use record::{RecordError, record};
pub use secret::{Secret, SecretError, Secrets};
pub use trail::{
    Break, BreakKind, Decision, EgressCount, Event, Mark, RunAgain, RunEnd, RunStart, Signature, Trail,
    TrailError, Verified,
};
