use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use perry_sandbox_pipeline::Pull;

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

    /// When registries are asked, in the place of each service's `pull_policy`
    #[arg(long, value_name = "WHEN")]
    pub(crate) pull: Option<PullWhen>,

    /// Show no progress of what is fetched, as none is shown anyway
    #[arg(long, hide = true)]
    pub(crate) quiet_pull: bool,

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
            pull: None,
            quiet_pull: false,
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

    /// Take the images of what is removed off the store too, where no other sandbox has them
    #[arg(long, value_name = "WHICH", conflicts_with = "dry_run")]
    pub(crate) rmi: Option<Rmi>,

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
        Self { services, volumes: false, rmi: None, remove_orphans: false, timeout, dry_run: false, store }
    }
}

/// Images that `down` takes off the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rmi {
    /// All.
    All,
    /// Those that were built here.
    Local,
}

/// `recover`.
#[derive(Debug, Args)]
pub(crate) struct RecoverArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `ps`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
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

    /// As --status STATUS
    #[arg(long, value_name = "status=STATUS", value_parser = of_filter)]
    pub(crate) filter: Vec<Status>,

    /// Those of services that the files have no more, too
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", action = clap::ArgAction::Set)]
    pub(crate) orphans: bool,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

fn of_filter(text: &str) -> Result<Status, String> {
    let status = text.strip_prefix("status=").ok_or("it can be `status=STATUS` only")?;
    Status::from_str(status, false)
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

/// When the registry is asked for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PullWhen {
    /// As each service's file says.
    Policy,
    /// For a tag always, for a digest that the store does not have.
    Missing,
    /// Always.
    Always,
    /// Never: only what the store has.
    Never,
}

impl PullWhen {
    /// Nothing: each service's own.
    pub(super) const fn chosen(self) -> Option<Pull> {
        match self {
            Self::Policy => None,
            Self::Missing => Some(Pull::Missing),
            Self::Always => Some(Pull::Always),
            Self::Never => Some(Pull::Never),
        }
    }
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

    /// Only what was written since then: a time (2026-01-31T08:00:00Z), seconds since 1970, or an age (10m, 2h30m)
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(crate) since: Option<Timestamp>,

    /// Only what was written until then
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    pub(crate) until: Option<Timestamp>,

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

/// A moment, or one so long ago.
fn moment(text: &str) -> Result<Timestamp, String> {
    let seconds = || text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let ago = || Timestamp::now().checked_sub(text.parse::<SignedDuration>().ok()?).ok();
    let moment = text.parse().ok().or_else(seconds).or_else(ago);
    moment.ok_or_else(|| {
        "a time as 2026-01-31T08:00:00Z, seconds since 1970, or an age as 10m is expected".to_owned()
    })
}
