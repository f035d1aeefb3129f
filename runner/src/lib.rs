//! A launch plan and a verified image in, an outcome out.

mod io;
mod launch;
mod native;
mod outcome;
mod trail;

pub use io::{Commands, Input, Output, Remote, Streams, remote};
pub use launch::{LaunchError, Outcome, Surroundings, dry_run, launch};
pub use native::{
    DryRun, Launcher, PlanError, RootError, RunError, SetupError, SpecError, StartError, TextError,
    launcher_main, probe,
};
pub use outcome::{End, Limit, Measured, Usage};
pub use trail::{
    Break, BreakKind, Decision, Event, Mark, RunEnd, RunStart, Signature, Trail, TrailError, Verified,
};
