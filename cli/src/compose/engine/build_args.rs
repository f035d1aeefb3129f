use clap::Args;
use perry_sandbox_policy::SignerName;
use perry_sandbox_runner::BuilderKind;

use crate::planner::DeskArgs;

/// `build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Services whose images are built [default: all that have a build]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    #[command(flatten)]
    pub(crate) how: BuildHow,

    /// Services that these depend on as well
    #[arg(long)]
    pub(crate) with_dependencies: bool,

    /// Print nothing of what the builder says
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Refused: what is signed by a key of this machine is for this machine
    #[arg(long)]
    pub(crate) push: bool,

    /// Make the key that signs what is built here, and build nothing
    #[arg(long, value_name = "SIGNER", num_args = 0..=1, default_missing_value = "local", conflicts_with = "services")]
    pub(crate) generate_key: Option<SignerName>,
}

/// How something is built.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct BuildHow {
    /// Program that builds: podman, buildah or docker [default: the first that is here]
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) builder: Option<BuilderKind>,

    /// Do every step anew
    #[arg(long)]
    pub(crate) no_cache: bool,

    /// Pull images that it begins with, even those that are here
    #[arg(long)]
    pub(crate) pull: bool,

    /// Argument of the steps, over the file's; without a value, with ours
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,
}
