//! `run`, and the part of it that `explain` shares.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use perry_sandbox_pipeline::{AccessChoice, TargetChoice, Wish};
use perry_sandbox_policy::{
    ByteSize, MilliCpu, Terminal, TierName, WallTime, WantedGrants, WantedLimits, WantedMount,
};
use perry_sandbox_profiles::{LinuxCap, LinuxCapSet};
use perry_sandbox_reference::{Platform, Repository};

use crate::environment::variable;
use crate::stop::Stop;

use super::{AccessArgs, PolicyFileArgs, SecretArg, SignerArgs, UpkeepArgs};

const EXAMPLES: &str = "\
Examples:
  perry-sandbox run --key cosign.pub oci:image -- /bin/busybox uname
  perry-sandbox run --policy policy.toml format-markdown < README.md
  perry-sandbox run --policy policy.toml --dry-run fetch-advisories -- --since 2026-01-01
  perry-sandbox run --detach --name web --label app=shop --key cosign.pub registry.example/acme/web:v1";

/// Arguments of `run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) request: RequestArgs,

    /// Give the program a terminal of its own
    #[arg(short, long)]
    pub(crate) tty: bool,

    /// Accepted for docker's habits: standard input is always passed on
    #[arg(short, long, hide = true)]
    pub(crate) interactive: bool,

    /// Start it under a supervisor of its own, print its id, and come back
    #[arg(short, long, conflicts_with_all = ["tty", "dry_run"])]
    pub(crate) detach: bool,

    /// Name of a detached sandbox [default: made from the image]
    #[arg(long, value_name = "NAME", requires = "detach")]
    pub(crate) name: Option<String>,

    /// Label by which a detached sandbox can be found: NAME=VALUE
    #[arg(short, long, value_name = "NAME=VALUE", requires = "detach")]
    pub(crate) label: Vec<String>,

    #[command(flatten)]
    pub(crate) upkeep: UpkeepArgs,

    /// Print the plan and exactly what the backend would execute, then stop
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Capture the output and print one JSON object with the outcome
    #[arg(long)]
    pub(crate) json: bool,

    /// Print nothing but the program's own output and errors
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// What is asked of the policy: image or capability, tier, grants, limits.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    #[command(flatten)]
    pub(crate) policy: PolicyFileArgs,

    #[command(flatten)]
    pub(crate) signer: SignerArgs,

    #[command(flatten)]
    pub(crate) access: AccessArgs,

    /// Tier whose ceiling applies; it can only tighten what the policy's entry says
    #[arg(long, value_name = "TIER")]
    pub(crate) tier: Option<TierName>,

    /// Use this backend and no other
    #[arg(long, value_name = "BACKEND")]
    pub(crate) backend: Option<String>,

    /// Where a capability's image is read from [default: the image rule's repository]
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,

    /// Repository that the signature of a layout or archive must name
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) repository: Option<Repository>,

    /// Bundle that may sign the image of a docker archive, which has no place for signatures of its own
    #[arg(long, value_name = "FILE", help_heading = "Signer")]
    pub(crate) bundle: Option<PathBuf>,

    /// Platform to run [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,

    /// Program that replaces the image's entry point
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) entrypoint: Option<String>,

    /// Variable to pass: NAME=VALUE, or NAME for its value here
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,

    /// Host folder or file to read, at the same path inside or at TARGET
    #[arg(long, value_name = "PATH[:TARGET]", help_heading = "Grants")]
    pub(crate) mount_read: Vec<WantedMount>,

    /// Host folder or file to write, at the same path inside or at TARGET
    #[arg(long, value_name = "PATH[:TARGET]", help_heading = "Grants")]
    pub(crate) mount_write: Vec<WantedMount>,

    /// Host folder with programs to execute, at the same path inside; nobody has verified them
    #[arg(long, value_name = "DIR", help_heading = "Grants")]
    pub(crate) mount_exec: Vec<String>,

    /// Host and port that may be reached
    #[arg(long, value_name = "HOST:PORT", help_heading = "Grants")]
    pub(crate) egress: Vec<String>,

    /// Secret to give as the file /run/secrets/NAME, and the file that has its value (/dev/stdin, say)
    #[arg(long, value_name = "NAME=FILE", help_heading = "Grants")]
    pub(crate) secret: Vec<SecretArg>,

    /// Device to give
    #[arg(long, value_name = "PATH", help_heading = "Grants")]
    pub(crate) device: Vec<String>,

    /// Linux cap to keep
    #[arg(long, value_name = "CAP", help_heading = "Grants")]
    pub(crate) cap_add: Vec<String>,

    /// Memory of the whole sandbox, such as 256MiB
    #[arg(short, long, value_name = "SIZE", help_heading = "Limits")]
    pub(crate) memory: Option<ByteSize>,

    /// Share of processors, such as 1.5
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    pub(crate) cpus: Option<MilliCpu>,

    /// Processes and threads
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    pub(crate) pids_limit: Option<NonZeroU32>,

    /// Time until it is killed, such as 30s
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub(crate) timeout: Option<WallTime>,

    /// Bytes of output until it is killed, such as 1MiB
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub(crate) output_limit: Option<ByteSize>,

    /// Bytes that it can write, such as 64MiB
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub(crate) disk: Option<ByteSize>,

    /// Open files per process
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    pub(crate) open_files: Option<NonZeroU32>,

    /// Capability of the policy, or an image: a registry reference, oci:DIR[:TAG|@DIGEST], or docker-archive:FILE
    #[arg(value_name = "IMAGE|CAPABILITY")]
    pub(crate) target: String,

    /// Arguments of the capability, or the command of the image
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
}

impl RequestArgs {
    /// In the pipeline's words.
    ///
    /// # Errors
    /// A flag's value is not usable.
    pub(crate) fn wish(&self, terminal: Terminal) -> anyhow::Result<Wish> {
        Ok(Wish {
            policy: self.policy.choice(),
            signer: self.signer.choice(),
            access: AccessChoice { bundle: self.bundle.clone(), ..self.access.choice() },
            target: TargetChoice::Word(self.target.clone()),
            image: self.image.clone(),
            tier: self.tier.clone(),
            backend: self.backend.clone(),
            repository: self.repository.clone(),
            platform: self.platform.clone(),
            entrypoint: self.entrypoint.clone(),
            args: self.command.clone(),
            env: variables(&self.env)?,
            user: None,
            working_dir: None,
            grants: self.grants()?,
            project: perry_sandbox_policy::WantedProject::default(),
            limits: WantedLimits {
                memory: self.memory,
                cpu: self.cpus,
                pids: self.pids_limit,
                wall: self.timeout,
                output: self.output_limit,
                disk: self.disk,
                open_files: self.open_files,
            },
            terminal,
        })
    }

    fn grants(&self) -> anyhow::Result<WantedGrants> {
        let caps = self.cap_add.iter().map(|name| name.parse::<LinuxCap>().map_err(Stop::usage));
        Ok(WantedGrants {
            egress: self.egress.clone(),
            mounts_read: self.mount_read.clone(),
            mounts_write: self.mount_write.clone(),
            mounts_exec: self.mount_exec.clone(),
            secrets: self.secret.iter().map(SecretArg::name).collect::<anyhow::Result<_>>()?,
            devices: self.device.clone(),
            linux_caps: caps.collect::<Result<LinuxCapSet, _>>()?,
        })
    }
}

/// Variables as `NAME=VALUE`, or as `NAME` for the value that it has here.
///
/// # Errors
/// A variable without a value is not there.
pub(crate) fn variables(wanted: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for text in wanted {
        let (name, value) = text
            .split_once('=')
            .map_or((text.as_str(), None), |(name, value)| (name, Some(value.to_owned())));
        let value = value.or_else(|| variable(name)?.into_string().ok()).ok_or_else(|| {
            Stop::usage(format!("--env {name}: there is no such variable here; give it as {name}=VALUE"))
        })?;
        found.insert(name.to_owned(), value);
    }
    Ok(found)
}
