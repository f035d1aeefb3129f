use clap::{Args, Subcommand, ValueEnum};

use super::args::{ListFormat, StoreArgs};

/// How a list is printed, and where what is listed is kept.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Print the names only; of images, the digests
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `images`.
#[derive(Debug, Args)]
pub(crate) struct ImagesArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// `ls`.
#[derive(Debug, Args)]
pub(crate) struct LsArgs {
    /// Those of which nothing runs too
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Those whose name has this part only
    #[arg(long, value_name = "name=PART")]
    pub(crate) filter: Vec<String>,

    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// `port`.
#[derive(Debug, Args)]
pub(crate) struct PortArgs {
    /// Service
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,

    /// Port inside
    #[arg(value_name = "PORT")]
    pub(crate) port: std::num::NonZeroU16,

    /// What goes through it
    #[arg(long, value_name = "PROTOCOL", default_value = "tcp")]
    pub(crate) protocol: Through,

    /// Which replica of the service
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// What goes through a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Through {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// `volumes`.
#[derive(Debug, Args)]
pub(crate) struct VolumesArgs {
    /// Services whose volumes are listed [default: all of the project]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    #[command(flatten)]
    pub(crate) list: ListArgs,
}

/// `events`.
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Print a JSON object a line
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `top`.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Services [default: all]
    #[arg(value_name = "SERVICE")]
    pub(crate) services: Vec<String>,

    /// Print once, and end; so it is too where nobody watches
    #[arg(long)]
    pub(crate) no_stream: bool,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `volume`.
#[derive(Debug, Args)]
pub(crate) struct VolumeArgs {
    #[command(subcommand)]
    pub(crate) command: VolumeCommand,
}

/// What is done with a volume.
#[derive(Debug, Subcommand)]
pub(crate) enum VolumeCommand {
    /// Remove a volume with all that is in it, and make it anew, empty
    Recreate(RecreateArgs),
}

/// `volume recreate`.
#[derive(Debug, Args)]
pub(crate) struct RecreateArgs {
    /// Volume, as the files call it
    #[arg(value_name = "VOLUME")]
    pub(crate) volume: String,

    /// Say that all that is in it is to be lost
    #[arg(long, required = true)]
    pub(crate) delete_data: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}

/// `cp`.
#[derive(Debug, Args)]
pub(crate) struct CpArgs {
    /// SERVICE:PATH, or a path of the host; what ends in `/.` is what is in a folder
    #[arg(value_name = "FROM")]
    pub(crate) from: String,

    /// A path of the host, or SERVICE:PATH
    #[arg(value_name = "TO")]
    pub(crate) to: String,

    /// Which replica of the service [default: the first that runs]
    #[arg(long, value_name = "N")]
    pub(crate) index: Option<u32>,

    /// Refused: what comes out is ours, and what goes in is its folder's owner's
    #[arg(short, long)]
    pub(crate) archive: bool,

    /// Refused: a link is copied as a link
    #[arg(short = 'L', long)]
    pub(crate) follow_link: bool,

    #[command(flatten)]
    pub(crate) store: StoreArgs,
}
