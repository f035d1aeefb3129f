use clap::Args;

use super::args::StoreArgs;
use crate::planner::DeskArgs;

/// `exec`. A program that joins a sandbox has its user, and somebody who waits for it: docker compose's flags for anything
/// else are not taken.
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// Service
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,

    /// Program and arguments
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,

    /// Variable that the program gets; without a value, with ours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// Folder in the sandbox that the program begins in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,

    /// Which replica of the service
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,

    /// Give the program no terminal; else it has one of its own where our input and output are one
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    pub(crate) no_tty: bool,

    /// Pass standard input on, as is done anyway
    #[arg(short, long)]
    pub(crate) interactive: bool,

    /// Give the program a terminal of its own, whatever ours are
    #[arg(short, long, conflicts_with = "no_tty")]
    pub(crate) tty: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct RunArgs {
    /// Service whose image and settings are taken
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,

    /// Program and arguments in the place of the service's
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,

    #[command(flatten)]
    pub(crate) desks: DeskArgs,

    /// Print the id and return; else the program's output is shown, and its code is ours
    #[arg(short, long)]
    pub(crate) detach: bool,

    /// Remove the sandbox when the program has ended
    #[arg(long, conflicts_with = "detach")]
    pub(crate) rm: bool,

    /// Variable that the program gets; without a value, with ours
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// Program in the place of the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,

    /// Folder in the sandbox that the program begins in
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,

    /// Name of the sandbox
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Build the images of services first, where the policy grants it
    #[arg(long)]
    pub(crate) build: bool,

    /// Do not bring up the services that it depends on
    #[arg(long)]
    pub(crate) no_deps: bool,

    /// Publish the service's ports
    #[arg(short = 'P', long)]
    pub(crate) service_ports: bool,

    /// Give the program no terminal; it never gets one
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    pub(crate) no_tty: bool,
}
