//! `engine`: what of ours is in a container engine.

use clap::{Args, Subcommand};
use perry_sandbox_pipeline::stock::{Project, StockName, Subnet};
use perry_sandbox_reference::Digest;

const EXAMPLES: &str = "\
Examples:
  perry-sandbox engine image ls
  perry-sandbox engine --backend docker network create --project shop back
  perry-sandbox engine volume inspect --json shop_rows
  perry-sandbox engine volume rm shop_rows

Only what perry-sandbox has made is listed, shown and removed: what carries its label, or the name that it gives images.
Without --backend, PERRY_CONTAINER_BACKEND decides, and after it the preferred of all engines that are alive.

Exit codes: 2 usage, 122 there is no such engine here, 125 it failed, or has no such thing, or one that is not ours.";

/// Arguments of `engine`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct EngineArgs {
    /// Engine to ask: podman, docker, nerdctl, apple, orbstack, colima, rancher-desktop or lima
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) backend: Option<String>,

    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: EngineCommand,
}

/// What is looked at.
#[derive(Debug, Subcommand)]
pub(crate) enum EngineCommand {
    /// List, inspect and remove verified images that were loaded for runs
    #[command(subcommand)]
    Image(EngineImageCommand),
    /// List, inspect, create and remove networks
    #[command(subcommand)]
    Network(NetworkCommand),
    /// List, inspect, create and remove volumes
    #[command(subcommand)]
    Volume(VolumeCommand),
}

/// What to do with images of an engine.
#[derive(Debug, Subcommand)]
pub(crate) enum EngineImageCommand {
    /// List the verified images
    #[command(alias = "list")]
    Ls,
    /// Show one with its layers
    Inspect {
        /// Digest that the engine knows it by, as `ls` shows it
        #[arg(value_name = "DIGEST")]
        image: Digest,
    },
    /// Remove images from the engine; the next run loads what it needs again
    #[command(alias = "remove")]
    Rm {
        /// Digests that the engine knows them by, as `ls` shows them
        #[arg(value_name = "DIGEST", required = true)]
        images: Vec<Digest>,
    },
}

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub(crate) enum NetworkCommand {
    /// List the networks
    #[command(alias = "list")]
    Ls,
    /// Show one with its labels and addresses
    Inspect {
        /// Its name
        #[arg(value_name = "NAME")]
        name: StockName,
    },
    /// Create a network
    Create {
        /// Label of it; may be given several times
        #[arg(long = "label", value_name = "NAME=VALUE")]
        labels: Vec<String>,

        /// Project that it belongs to, whose services alone use it; the engine's name for it has the project first, as `shop_back`
        #[arg(long)]
        project: Option<Project>,

        /// Let nothing outside be reached from it, as it always is of a project's
        #[arg(long)]
        internal: bool,

        /// Its addresses, as 10.89.7.0/24 [default: the engine chooses]
        #[arg(long, value_name = "ADDRESS/LENGTH")]
        subnet: Option<Subnet>,

        /// Its name
        #[arg(value_name = "NAME")]
        name: StockName,
    },
    /// Remove networks that nothing uses
    #[command(alias = "remove")]
    Rm {
        /// Their names
        #[arg(value_name = "NAME", required = true)]
        names: Vec<StockName>,
    },
}

/// What to do with volumes.
#[derive(Debug, Subcommand)]
pub(crate) enum VolumeCommand {
    /// List the volumes
    #[command(alias = "list")]
    Ls,
    /// Show one with its labels and where its files are
    Inspect {
        /// Its name
        #[arg(value_name = "NAME")]
        name: StockName,
    },
    /// Create a volume
    Create {
        /// Label of it; may be given several times
        #[arg(long = "label", value_name = "NAME=VALUE")]
        labels: Vec<String>,

        /// Project that it belongs to, whose services alone use it; the engine's name for it has the project first, as `shop_back`
        #[arg(long)]
        project: Option<Project>,

        /// Its name
        #[arg(value_name = "NAME")]
        name: StockName,
    },
    /// Remove volumes that nothing uses, with all that is in them
    #[command(alias = "remove")]
    Rm {
        /// Their names
        #[arg(value_name = "NAME", required = true)]
        names: Vec<StockName>,
    },
}
