//! `ps`, `logs`, `start`, `stop`, `rm`, `exec`, `wait`, `inspect`: sandboxes that outlive the command that started them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use clap::Args;
use perry_sandbox_pipeline::{Probe, Upkeep};
use perry_sandbox_policy::WallTime;
use perry_sandbox_runner::{HealthCheck, Restart};

use super::SecretArg;
use crate::stop::Stop;

const PS_EXAMPLES: &str = "\
Examples:
  perry-sandbox ps
  perry-sandbox ps -a --filter label=app=shop
  perry-sandbox rm $(perry-sandbox ps -aq --filter status=exited)";

const EXEC_EXAMPLES: &str = "\
Examples:
  perry-sandbox exec web -- /bin/busybox ps
  perry-sandbox exec -t web -- /bin/sh
  perry-sandbox exec --env LEVEL=debug --timeout 10s web -- /usr/bin/check

The policy is asked first, by the words with which the sandbox was started: a program that the sandbox could not
have been started with may not join it. In a capability's sandbox only the capability's own command may.";

/// Labels as they are typed: `NAME=VALUE`.
///
/// # Errors
/// One has no name, or is given twice.
pub(crate) fn labels(texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut labels = BTreeMap::new();
    for text in texts {
        // As docker: a label without a value has the empty one.
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if name.is_empty() || labels.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Stop::usage(format!("--label {text}: expected NAME=VALUE, each name once")));
        }
    }
    Ok(labels)
}

/// How a detached sandbox is kept up. The words are docker's.
#[derive(Debug, Args)]
pub(crate) struct UpkeepArgs {
    /// Run it again when it ends: no, on-failure[:TIMES] or always; its wall time goes on
    #[arg(long, value_name = "WHEN", default_value = "no", requires = "detach", help_heading = "Upkeep")]
    restart: Restart,

    /// Line for the image's /bin/sh that joins the sandbox from time to time; another exit code than 0 is a failure
    #[arg(long, value_name = "LINE", requires = "detach", help_heading = "Upkeep")]
    health_cmd: Option<String>,

    /// Time from one health check to the next
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        requires = "health_cmd",
        help_heading = "Upkeep"
    )]
    health_interval: WallTime,

    /// Time that one health check may take
    #[arg(
        long,
        value_name = "TIME",
        default_value = "30s",
        requires = "health_cmd",
        help_heading = "Upkeep"
    )]
    health_timeout: WallTime,

    /// Time from the start in which failures do not count
    #[arg(long, value_name = "TIME", requires = "health_cmd", help_heading = "Upkeep")]
    health_start_period: Option<WallTime>,

    /// Failures in a row that make it unhealthy
    #[arg(long, value_name = "N", default_value = "3", requires = "health_cmd", help_heading = "Upkeep")]
    health_retries: NonZeroU32,
}

impl UpkeepArgs {
    /// As the pipeline wants it.
    pub(crate) fn upkeep(&self) -> Upkeep {
        let probe = |line: &String| Probe {
            command: vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
            check: HealthCheck {
                interval: self.health_interval,
                timeout: self.health_timeout,
                start_period: self.health_start_period,
                retries: self.health_retries,
            },
        };
        let health = self.health_cmd.as_ref().map(probe);
        Upkeep { restart: self.restart, health, ..Upkeep::default() }
    }
}

/// Arguments of `ps`.
#[derive(Debug, Args)]
#[command(after_help = PS_EXAMPLES)]
pub(crate) struct PsArgs {
    /// Those that do not run as well
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Only those that fit: label=NAME[=VALUE], name=PART or status=created|running|exited|dead; all must hold
    #[arg(short, long, value_name = "WHAT=VALUE")]
    pub(crate) filter: Vec<String>,

    /// Print ids and nothing else
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) quiet: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Only so many of the last lines
    #[arg(short = 'n', long, value_name = "NUMBER")]
    pub(crate) tail: Option<usize>,

    /// Go on until the sandbox has ended
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Print when each line was written
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) timestamps: bool,

    /// Print one JSON object for each piece of output
    #[arg(long)]
    pub(crate) json: bool,

    /// Name, id, or the beginning of an id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Arguments of `start`.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Secret of the sandbox, and the file that has its value; values are stored nowhere, so every start needs them
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) secret: Vec<SecretArg>,

    /// Print no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Names, ids, or beginnings of ids
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// Arguments of `stop`.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// Seconds until it is killed
    #[arg(short, long, visible_alias = "timeout", value_name = "SECONDS", default_value_t = 10)]
    pub(crate) time: u32,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Names, ids, or beginnings of ids
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// Arguments of `rm`.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Kill what runs first
    #[arg(short, long)]
    pub(crate) force: bool,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Names, ids, or beginnings of ids
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
#[command(after_help = EXEC_EXAMPLES)]
pub(crate) struct ExecArgs {
    /// Variable to pass: NAME=VALUE, or NAME for its value here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// Folder to begin in [default: the image's]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) workdir: Option<String>,

    /// Time until the program is killed, such as 30s
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<WallTime>,

    /// Give the program a terminal of its own
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) tty: bool,

    /// Accepted for docker's habits: standard input is always passed on
    #[arg(short, long, hide = true)]
    pub(crate) interactive: bool,

    /// Capture the output and print one JSON object with the outcome
    #[arg(long)]
    pub(crate) json: bool,

    /// Name, id, or the beginning of an id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Program and arguments
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
}

/// Arguments of `wait`.
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Give up after that time, such as 30s
    #[arg(long, value_name = "TIME")]
    pub(crate) timeout: Option<WallTime>,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Names, ids, or beginnings of ids
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectSandboxArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Names, ids, or beginnings of ids
    #[arg(value_name = "NAME", required = true)]
    pub(crate) names: Vec<String>,
}
