use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::planner::DeskArgs;

/// Where what is kept is kept.
#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Folder of images and of the trail
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

/// `up`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct UpArgs {
    /// Services to bring up, with those that they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Leave the services running and return
    #[arg(short, long)]
    pub(crate) detach: bool,

    /// Return when every service runs, is healthy where it has a check, or has ended with code 0; implies --detach
    #[arg(long)]
    pub(crate) wait: bool,

    /// Seconds that a service may take to be as far as another, or --wait, waits for
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) wait_timeout: u64,

    /// Make services without starting them, as `create` does
    #[arg(long, conflicts_with_all = ["wait", "dry_run"])]
    pub(crate) no_start: bool,

    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Print the steps as JSON (what happens is told so by --progress json)
    #[arg(long, requires = "dry_run")]
    pub(crate) json: bool,

    /// Build the images of services first, where the policy grants it
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) build: bool,

    /// Make all services anew
    #[arg(long, conflicts_with = "no_recreate")]
    pub(crate) force_recreate: bool,

    /// Make none anew that is there, even if it has changed
    #[arg(long)]
    pub(crate) no_recreate: bool,

    /// Leave the services that those named depend on alone
    #[arg(long)]
    pub(crate) no_deps: bool,

    /// Number of replicas of a service
    #[arg(long, value_name = "SERVICE=N")]
    pub(crate) scale: Vec<String>,

    /// Remove sandboxes of services that the project has no more
    #[arg(long)]
    pub(crate) remove_orphans: bool,

    /// Leave what a failed run has made, to be looked at
    #[arg(long)]
    pub(crate) keep_failed: bool,

    /// End all services when one ends
    #[arg(long, conflicts_with = "detach")]
    pub(crate) abort_on_container_exit: bool,

    /// End all services when one ends with another code than 0
    #[arg(long, conflicts_with_all = ["detach", "abort_on_container_exit"])]
    pub(crate) abort_on_container_failure: bool,

    /// End with the code of this service; implies --abort-on-container-exit
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    pub(crate) exit_code_from: Option<String>,

    /// Seconds that services may take to end [default: each its own, or 10]
    #[arg(short = 't', long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// Print the time before each line of output
    #[arg(long)]
    pub(crate) timestamps: bool,

    /// Do not print the service before each line of output
    #[arg(long)]
    pub(crate) no_log_prefix: bool,
}

impl UpArgs {
    /// For these services, which are left running.
    pub(super) fn detached(desks: DeskArgs, services: Vec<String>) -> Self {
        Self {
            services,
            desks,
            detach: true,
            wait: false,
            wait_timeout: 300,
            no_start: false,
            dry_run: false,
            json: false,
            build: false,
            force_recreate: false,
            no_recreate: false,
            no_deps: false,
            scale: Vec::new(),
            remove_orphans: false,
            keep_failed: false,
            abort_on_container_exit: false,
            abort_on_container_failure: false,
            exit_code_from: None,
            timeout: None,
            timestamps: false,
            no_log_prefix: false,
        }
    }
}

/// `down`.
#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Services to end and remove [default: all, and the networks]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Remove the volumes too, with all that is in them
    #[arg(short, long)]
    pub(crate) volumes: bool,

    /// Remove sandboxes of services that the project has no more
    #[arg(long)]
    pub(crate) remove_orphans: bool,

    /// Seconds that services may take to end [default: each its own, or 10]
    #[arg(short = 't', long, value_name = "SECONDS")]
    pub(crate) timeout: Option<u64>,

    /// Print what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

impl DownArgs {
    /// All of a project but its volumes.
    pub(super) fn all(data_dir: Option<PathBuf>) -> Self {
        let store = StoreArgs { data_dir };
        let (services, timeout) = (Vec::new(), None);
        Self { services, volumes: false, remove_orphans: false, timeout, dry_run: false, store }
    }
}

/// `recover`.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `ps`.
#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    /// Services to list [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Those that have ended too
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Print the ids only
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print the services' names only
    #[arg(long = "services", id = "only-services", conflicts_with = "quiet")]
    pub(crate) only_services: bool,

    /// Those of this status only
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<Status>,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// Where a sandbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    /// Never started.
    Created,
    /// Running.
    Running,
    /// Paused.
    Paused,
    /// Ended.
    Exited,
    /// Lost.
    Dead,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// Columns.
    Table,
    /// JSON.
    Json,
}

/// `logs`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct LogsArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Go on until they have ended
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Last lines of each; `all` for all
    #[arg(short = 'n', long, value_name = "N", default_value = "all")]
    pub(crate) tail: String,

    /// Print the time before each line
    #[arg(short, long)]
    pub(crate) timestamps: bool,

    /// Do not print the service before each line
    #[arg(long)]
    pub(crate) no_log_prefix: bool,

    /// No colour
    #[arg(long)]
    pub(crate) no_color: bool,

    /// This replica of the service only
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
