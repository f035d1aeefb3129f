use clap::Args;

use super::args::UpArgs;
use crate::planner::DeskArgs;

/// `create`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct CreateArgs {
    /// Services to make, with those that they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Build the images of services first, where the policy grants it
    #[arg(long)]
    pub(crate) build: bool,

    /// Make all services anew
    #[arg(long, conflicts_with = "no_recreate")]
    pub(crate) force_recreate: bool,

    /// Make none anew that is there, even if it has changed
    #[arg(long)]
    pub(crate) no_recreate: bool,

    /// Number of replicas of a service
    #[arg(long, value_name = "SERVICE=N")]
    pub(crate) scale: Vec<String>,

    /// Remove sandboxes of services that the project has no more
    #[arg(long)]
    pub(crate) remove_orphans: bool,
}

impl CreateArgs {
    /// The same in the words of `up`.
    pub(super) fn as_up(&self) -> UpArgs {
        UpArgs {
            build: self.build,
            force_recreate: self.force_recreate,
            no_recreate: self.no_recreate,
            scale: self.scale.clone(),
            remove_orphans: self.remove_orphans,
            ..UpArgs::detached(self.desks.clone(), self.services.clone())
        }
    }
}

/// `scale`.
#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    /// Number of replicas of each service
    #[arg(value_name = "SERVICE=N", required = true)]
    pub(crate) scale: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Leave the services that those named depend on alone
    #[arg(long)]
    pub(crate) no_deps: bool,
}

/// `pull`. Its `--policy` is ours: when a registry is asked is said by a service's `pull_policy`.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// Services whose images are brought here [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Those of services that they depend on as well
    #[arg(long)]
    pub(crate) include_deps: bool,

    /// Print nothing but errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
