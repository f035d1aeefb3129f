use clap::Args;

use super::args::StoreArgs;

/// `stop`.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// Services to end [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Seconds that services may take to end [default: each its own, or 10]
    #[arg(short = 't', long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Services to start [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Return when every service runs, is healthy where it has a check, or has ended with code 0
    #[arg(long)]
    pub(crate) wait: bool,

    /// Seconds that a service may take to be as far as another, or --wait, waits for
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) wait_timeout: u64,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `restart`.
#[derive(Debug, Args)]
pub(crate) struct RestartArgs {
    /// Services to end and start again [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Leave the services alone that ask to be restarted with one of those named
    #[arg(long)]
    pub(crate) no_deps: bool,

    /// Seconds that services may take to end [default: each its own, or 10]
    #[arg(short = 't', long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `kill`.
#[derive(Debug, Args)]
pub(crate) struct KillArgs {
    /// Services to kill [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Signal; only SIGKILL is sure to end them
    #[arg(short, long, value_name = "SIGNAL", default_value = "SIGKILL")]
    pub(crate) signal: String,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `rm`.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Services whose sandboxes are removed [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// End those that run first; else they stay
    #[arg(short, long)]
    pub(crate) stop: bool,

    /// Do not ask
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Remove the services' volumes without a name too, with all that is in them
    #[arg(short, long)]
    pub(crate) volumes: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `wait`.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Services to wait for
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<String>,

    /// End and remove the project when the first has ended
    #[arg(long)]
    pub(crate) down_project: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `pause` and `unpause`.
#[derive(Debug, Args)]
pub(crate) struct PauseArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
