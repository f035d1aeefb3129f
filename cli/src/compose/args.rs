//! The command line. Flags have docker compose's names where they mean the same.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::check::CheckArgs;
use crate::engine::{
    BuildArgs, CpArgs, CreateArgs, DownArgs, EventsArgs, ExecArgs, ImagesArgs, KillArgs, LogsArgs, LsArgs,
    PauseArgs, PortArgs, PsArgs, PullArgs, RecoverArgs, RestartArgs, RmArgs, RunArgs, ScaleArgs, StartArgs,
    StatsArgs, StopArgs, TopArgs, UpArgs, VolumeArgs, VolumesArgs, WaitArgs,
};
use crate::planner::{ExplainArgs, GraphArgs, LockArgs, PlanArgs};

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    failure: the project's files are wrong, or cannot be read; this machine lacks what the policy demands; `check` found something
  2    usage; `check`: something could not be graded
  3    the policy refuses, or the file asks for what is never done
  4    an image is not verified
  5    rolled back: a step failed, and what was done before it is undone
  130  interrupted; what was done before is undone";

/// Run Compose projects of signed images in hardened sandboxes
#[derive(Debug, Parser)]
#[command(name = "perry-compose", version, after_help = EXIT_CODES, max_term_width = 110)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Compose file, merged over those before it; `-` is standard input
    #[arg(short, long = "file", value_name = "FILE")]
    pub(crate) file: Vec<String>,

    /// Project name
    #[arg(short, long, value_name = "NAME")]
    pub(crate) project_name: Option<String>,

    /// Profile to enable; `*` enables all
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Vec<String>,

    /// File of variables, over those before it, in place of `.env`
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Vec<String>,

    /// Folder that relative paths begin at [default: the first Compose file's]
    #[arg(long, value_name = "DIR")]
    pub(crate) project_directory: Option<String>,

    /// When to use colour
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) ansi: Ansi,

    /// How to show progress
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub(crate) progress: Progress,

    /// Most services worked on at once; -1 for no limit
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) parallel: i32,

    /// Leave the model as the files say it, as docker compose does in its compatibility mode
    #[arg(long)]
    pub(crate) compatibility: bool,

    /// Keep networks, volumes, secrets and configs that no service uses
    #[arg(long)]
    pub(crate) all_resources: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ansi {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// As fits.
    Auto,
    /// Lines that change.
    Tty,
    /// Lines that stay.
    Plain,
    /// JSON lines.
    Json,
    /// Not at all.
    Quiet,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a project in its canonical form, or parts of it
    #[command(alias = "convert")]
    Config(ConfigArgs),
    /// Verify, allow, create and start all services; what fails is undone
    Up(Box<UpArgs>),
    /// End all services, and remove them and the networks
    Down(DownArgs),
    /// End services, and remove nothing
    Stop(StopArgs),
    /// Start services again that have ended
    Start(StartArgs),
    /// End services and start them again, as they are
    Restart(RestartArgs),
    /// Kill services, or send them another signal
    Kill(KillArgs),
    /// Stop the processes of services where they are, until `unpause`
    Pause(PauseArgs),
    /// Let the processes of services go on
    Unpause(PauseArgs),
    /// Remove sandboxes that do not run
    Rm(RmArgs),
    /// Wait until the first of the services has ended, and end with its code
    Wait(WaitArgs),
    /// Run a program in the sandbox of a service
    Exec(ExecArgs),
    /// Run a program once, with a service's image and settings
    Run(Box<RunArgs>),
    /// Make services without starting them
    Create(CreateArgs),
    /// Bring services to other numbers of replicas
    Scale(ScaleArgs),
    /// Build images of services on this machine, where the policy grants it, and sign them by a key of this machine
    Build(BuildArgs),
    /// Bring the images of services here, if they are allowed
    Pull(PullArgs),
    /// Undo what a run had begun that was killed
    Recover(RecoverArgs),
    /// List the sandboxes of a project
    Ps(PsArgs),
    /// Copy files into a sandbox of a service, or out of it
    Cp(CpArgs),
    /// Print what services have written
    Logs(LogsArgs),
    /// List the images of a project's sandboxes
    Images(ImagesArgs),
    /// List the volumes of a project
    Volumes(VolumesArgs),
    /// Do something with a single volume of a project
    Volume(VolumeArgs),
    /// Print where on the host a service's port is
    Port(PortArgs),
    /// Show what services use: processor, memory, processes
    Stats(StatsArgs),
    /// List the processes of services
    Top(TopArgs),
    /// Print what happens to a project's sandboxes
    Events(EventsArgs),
    /// List the projects of this machine
    Ls(LsArgs),
    /// Find what is dangerous in the merged project, and what a policy would deny
    Check(Box<CheckArgs>),
    /// Say what would be done, and what is refused and why; nothing runs
    Plan(PlanArgs),
    /// Draw which services need which
    Graph(GraphArgs),
    /// Say line by line what a service may do, and who holds it to that
    Explain(ExplainArgs),
    /// Write down which digest each image has now, and who signed it
    Lock(LockArgs),
    /// Print the version
    Version(VersionArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
}

/// `config`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct ConfigArgs {
    /// Services to keep, with those that they depend on [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Form of the output
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,

    /// File to write to
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<std::path::PathBuf>,

    /// Check only, print nothing
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Do not put variables in
    #[arg(long)]
    pub(crate) no_interpolate: bool,

    /// Do not add what is implicit
    #[arg(long)]
    pub(crate) no_normalize: bool,

    /// Do not make paths absolute
    #[arg(long)]
    pub(crate) no_path_resolution: bool,

    /// Do not check that what is named is there
    #[arg(long)]
    pub(crate) no_consistency: bool,

    /// Do not resolve the files of variables of services (without effect, as in docker compose 2.40)
    #[arg(long)]
    pub(crate) no_env_resolution: bool,

    /// Name images by the digests that `perry-compose lock` has found
    #[arg(long)]
    pub(crate) resolve_image_digests: bool,

    /// Print these images alone, as a file that is merged over the others
    #[arg(long)]
    pub(crate) lock_image_digests: bool,

    /// Hide values of variables whose names look secret: the default for YAML on a terminal
    #[arg(long, conflicts_with = "reveal")]
    pub(crate) redact: bool,

    /// Show them
    #[arg(long)]
    pub(crate) reveal: bool,

    #[command(flatten)]
    pub(crate) part: PartArgs,
}

/// What to print instead of the whole.
#[derive(Debug, Args)]
#[group(multiple = false)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line of its own")]
pub(crate) struct PartArgs {
    /// Print the services' names
    #[arg(long = "services", id = "list-services")]
    pub(crate) services: bool,

    /// Print the volumes' names
    #[arg(long)]
    pub(crate) volumes: bool,

    /// Print the networks' names
    #[arg(long)]
    pub(crate) networks: bool,

    /// Print the models' names
    #[arg(long)]
    pub(crate) models: bool,

    /// Print the images
    #[arg(long)]
    pub(crate) images: bool,

    /// Print the profiles
    #[arg(long)]
    pub(crate) profiles: bool,

    /// Print the hashes of services, parted by commas; `*` for all
    #[arg(long, value_name = "SERVICES")]
    pub(crate) hash: Option<String>,

    /// Print the variables that the files name, with their defaults
    #[arg(long)]
    pub(crate) variables: bool,

    /// Print where a variable's value comes from, and where the files name it
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) explain: Option<String>,

    /// Print the variables that are known
    #[arg(long)]
    pub(crate) environment: bool,

    /// Print what each file changes of what those before it say
    #[arg(long)]
    pub(crate) diff: bool,
}

/// The form of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// `version`.
#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print the number only
    #[arg(long)]
    pub(crate) short: bool,

    /// Form of the output
    #[arg(short, long, value_name = "FORMAT", default_value = "pretty")]
    pub(crate) format: VersionFormat,
}

/// The form of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum VersionFormat {
    /// A line.
    Pretty,
    /// JSON.
    Json,
}

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Shell
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::{Cli, Command, Format};

    #[test]
    fn the_command_line_is_whole() {
        Cli::command().debug_assert();
    }

    #[test]
    fn docker_composes_flags_are_taken() {
        let line = "perry-compose -f a.yaml -f b.yaml -p name --profile x --env-file e --project-directory d --ansi never \
                    --progress plain --parallel -1 --compatibility --all-resources config --format json web db";
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        assert_eq!(cli.file, ["a.yaml", "b.yaml"]);
        let Command::Config(config) = cli.command else { panic!("another command") };
        assert_eq!((config.format, config.services.len()), (Some(Format::Json), 2));
    }

    #[test]
    fn only_one_part_is_printed() {
        assert!(Cli::try_parse_from(["perry-compose", "config", "--images", "--volumes"]).is_err());
        assert!(Cli::try_parse_from(["perry-compose", "convert", "--services"]).is_ok());
    }
}
