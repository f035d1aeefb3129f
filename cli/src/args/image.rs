//! `image`, and the flags for reaching registries.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use perry_sandbox_pipeline::AccessChoice;
use perry_sandbox_reference::Platform;

/// How registries are reached; nothing here changes what is verified.
#[derive(Debug, Args)]
#[command(next_help_heading = "Registry")]
pub(crate) struct AccessArgs {
    /// Speak plain HTTP to this registry; without a host to those on this machine only, as is done anyway
    #[arg(long, value_name = "HOST[:PORT]", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) insecure_registry: Vec<String>,

    /// Certificates that registries are trusted by, PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    pub(crate) registry_ca: Option<PathBuf>,

    /// When to ask the registry
    #[arg(long, value_name = "WHEN", default_value = "missing")]
    pub(crate) pull: Pull,

    /// Search a layout's blobs for signatures that its index does not list, as `cosign save` 3 leaves them
    #[arg(long)]
    pub(crate) scan_layout: bool,
}

impl AccessArgs {
    /// In the pipeline's words.
    pub(crate) fn choice(&self) -> AccessChoice {
        AccessChoice {
            insecure_registries: self
                .insecure_registry
                .iter()
                .filter(|host| !host.is_empty())
                .cloned()
                .collect(),
            registry_ca: self.registry_ca.clone(),
            pull: match self.pull {
                Pull::Missing => perry_sandbox_pipeline::Pull::Missing,
                Pull::Always => perry_sandbox_pipeline::Pull::Always,
                Pull::Never => perry_sandbox_pipeline::Pull::Never,
            },
            scan_layouts: self.scan_layout,
            bundle: None,
        }
    }
}

/// When the registry is asked for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Pull {
    /// For a tag always, for a digest that the store does not have.
    Missing,
    /// Always.
    Always,
    /// Never: only what the store has.
    Never,
}

/// Arguments of `image`.
#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    #[command(subcommand)]
    pub(crate) command: ImageCommand,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub(crate) enum ImageCommand {
    /// Fetch an image and its signatures into the store, without running anything
    Pull(PullArgs),
    /// List the images of the store
    #[command(alias = "list")]
    Ls(ListArgs),
    /// Show an image's manifest, configuration and layers
    Inspect(InspectArgs),
    /// Remove images from the store
    #[command(alias = "remove")]
    Rm(RemoveArgs),
}

/// Arguments of `image pull`.
#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) access: AccessArgs,

    /// Platform to fetch [default: this machine's]
    #[arg(long, value_name = "OS/ARCH")]
    pub(crate) platform: Option<Platform>,

    /// Print no progress
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Registry reference, oci:DIR[:TAG|@DIGEST], or docker-archive:FILE
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
}

/// Arguments of `image ls`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `image inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Digest, the start of one, or the reference it was pulled by
    #[arg(value_name = "IMAGE")]
    pub(crate) image: String,
}

/// Arguments of `image rm`.
#[derive(Debug, Args)]
pub(crate) struct RemoveArgs {
    /// Print what was removed as JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Digests, starts of digests, or references
    #[arg(value_name = "IMAGE", required = true)]
    pub(crate) images: Vec<String>,
}
