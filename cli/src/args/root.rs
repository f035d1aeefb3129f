//! The program itself and its subcommands.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::{
    AuditArgs, BackendsArgs, CompletionsArgs, DoctorArgs, EngineArgs, ExecArgs, ExplainArgs, ImageArgs,
    ImageCommand, InspectSandboxArgs, Later, LogArgs, LogCommand, LogsArgs, ManArgs, PolicyArgs,
    PolicyCommand, ProfileArgs, ProfileCommand, PsArgs, RmArgs, RunArgs, ShownAs, StartArgs, StopArgs,
    StoreArgs, StoreCommand, VerifyArgs, WaitArgs,
};

const EXIT_CODES: &str = "\
Exit codes:
  0    done; `run`, `exec` and `wait` pass the program's own code through
  1    the answer is no: `audit` or `doctor PROJECT` found something, files or profiles differ, a store or trail is damaged
  2    usage; `audit`: something could not be graded
  3    `audit`: there was nothing to audit
  120  denied by policy
  121  not verified
  122  isolation or a control is not available
  123  a limit was hit
  124  time ran out
  125  our failure, or something is not there or out of reach: an image, a platform, a registry, a sandbox
  126  the program cannot be executed
  127  the program was not found
  128+n  the program died of signal n";

/// Run commands of signed images in a hardened sandbox
#[derive(Debug, Parser)]
#[command(name = "perry-sandbox", version, about, after_help = EXIT_CODES, max_term_width = 110)]
#[command(propagate_version = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Folder of the content store [default: $XDG_DATA_HOME/perry-sandbox, as root /var/lib/perry-sandbox]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) data_dir: Option<PathBuf>,

    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = "Global options")]
    pub(crate) color: ColorChoice,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a capability of the policy, or a command of a signed image
    Run(Later<Box<RunArgs>>),
    /// List detached sandboxes
    #[command(alias = "list")]
    Ps(PsArgs),
    /// Print what a detached sandbox has written
    Logs(Later<LogsArgs>),
    /// Run a program inside a detached sandbox, under the same plan
    Exec(Later<ExecArgs>),
    /// Ask detached sandboxes to end, and kill what does not
    Stop(Later<StopArgs>),
    /// Start detached sandboxes again that have ended, if the policy still allows them
    Start(Later<StartArgs>),
    /// Wait until detached sandboxes have ended, and pass their exit code on
    Wait(Later<WaitArgs>),
    /// Show what is known of detached sandboxes
    Inspect(Later<InspectSandboxArgs>),
    /// Remove detached sandboxes with their logs
    Rm(Later<RmArgs>),
    /// Check who signed an image, and print the evidence or every reason against it
    Verify(Later<Box<VerifyArgs>>),
    /// Say what would be decided about a run, and who would enforce each line
    Explain(Later<Box<ExplainArgs>>),
    /// Check, format, compare and start policy files
    Policy(Later<PolicyArgs>),
    /// Show, compare, check, narrow and record seccomp profiles
    Profile(Later<Box<ProfileArgs>>),
    /// Find what is dangerous in Compose stacks, command lines, Pods, policies and seccomp profiles
    Audit(Later<Box<AuditArgs>>),
    /// Fetch, list, inspect and remove images of the store
    Image(Later<ImageArgs>),
    /// Check and clean the content store
    Store(Later<StoreArgs>),
    /// Read and verify the trail of decisions and runs
    Log(Later<LogArgs>),
    /// List backends, their isolation levels, and what each enforces here
    Backends(Later<BackendsArgs>),
    /// List, inspect, create and remove what perry-sandbox has in a container engine
    Engine(Later<EngineArgs>),
    /// Say what this machine can enforce and what is missing, or what is dead in a Perry project
    Doctor(Later<DoctorArgs>),
    /// Print shell completions
    Completions(CompletionsArgs),
    /// Print manual pages
    Man(ManArgs),
}

impl Command {
    /// Whether the result is JSON; then a failure is, too.
    pub(crate) fn prints_json(&self) -> bool {
        match self {
            Self::Run(args) => args.json,
            Self::Ps(args) => args.json,
            Self::Logs(args) => args.json,
            Self::Exec(args) => args.json,
            Self::Stop(args) => args.json,
            Self::Start(args) => args.json,
            Self::Wait(args) => args.json,
            Self::Inspect(args) => args.json,
            Self::Rm(args) => args.json,
            Self::Verify(args) => args.json,
            Self::Explain(args) => args.json,
            Self::Policy(args) => match &args.command {
                PolicyCommand::Check(args) => args.json,
                PolicyCommand::Diff(args) => args.json,
                PolicyCommand::Fmt(args) => args.json,
                PolicyCommand::Schema(args) => args.json,
                PolicyCommand::Init(args) => args.json,
                PolicyCommand::Import(args) => args.json,
            },
            Self::Profile(args) => match &args.command {
                ProfileCommand::Show(args) => args.format == ShownAs::Json,
                ProfileCommand::Diff(args) => args.json,
                ProfileCommand::Check(args) => args.json,
                ProfileCommand::Record(args) => args.json,
                ProfileCommand::Narrow(_) => false,
            },
            Self::Image(args) => match &args.command {
                ImageCommand::Pull(args) => args.json,
                ImageCommand::Ls(args) => args.json,
                ImageCommand::Inspect(args) => args.json,
                ImageCommand::Rm(args) => args.json,
            },
            Self::Store(args) => match args.command {
                StoreCommand::Check { json } | StoreCommand::Prune { json, .. } => json,
            },
            Self::Log(args) => match args.command {
                LogCommand::Show { json, .. } | LogCommand::Verify { json } => json,
            },
            Self::Backends(args) => args.json,
            Self::Engine(args) => args.json,
            Self::Doctor(args) => args.json,
            // The formats of an audit are for programs; why it cannot begin is told to a person.
            Self::Audit(_) | Self::Completions(_) | Self::Man(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
