//! `profile`: seccomp profiles shown, compared, checked, narrowed, recorded.

mod check;
mod diff;
mod narrow;
mod read;
mod record;
mod show;

use perry_sandbox_pipeline::Environment;

use crate::args::{ProfileArgs, ProfileCommand};
use crate::exit::Exit;

/// Runs the subcommand.
pub(crate) fn profile(args: &ProfileArgs, environment: &Environment) -> anyhow::Result<Exit> {
    match &args.command {
        ProfileCommand::Show(args) => show::show(args),
        ProfileCommand::Diff(args) => diff::diff(args),
        ProfileCommand::Check(args) => check::check(args, environment),
        ProfileCommand::Narrow(args) => narrow::narrow(args),
        ProfileCommand::Record(args) => record::record(args, environment),
    }
}
