//! Why something of a project cannot be had.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::backends::stock::StockKind;

/// Why a network or volume of the embedded backend cannot be made, used or removed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The system refused.
    #[error("cannot {doing} `{}`: {why}; check that folder and who may write to it", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// Another process does not let go.
    #[error(
        "another process has had `{}` locked for {seconds} s, so no {kind} can be made, used or removed: see by `fuser -v` on that file which it is, and end it",
        path.display()
    )]
    Busy {
        /// Of what the lock is.
        kind: StockKind,
        /// The lock's file.
        path: PathBuf,
        /// For how long it was waited for.
        seconds: u64,
    },
    /// A label file that nobody of us has written.
    #[error("`{}` is not what was written there: {why}; remove that folder if it is yours", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is none of this name.
    #[error("there is no {kind} `{name}`: make it first")]
    Missing {
        /// What was looked for.
        kind: StockKind,
        /// Its name.
        name: String,
    },
    /// There is one of this name already.
    #[error("there is a {kind} `{name}` already: remove it first, or choose another name")]
    Exists {
        /// What it is.
        kind: StockKind,
        /// Its name.
        name: String,
    },
    /// It belongs to another project.
    #[error("the {kind} `{name}` is not of the project `{project}`: choose another name, or remove it")]
    OtherProject {
        /// What it is.
        kind: StockKind,
        /// Its name.
        name: String,
        /// Who asked for it.
        project: String,
    },
    /// A sandbox that runs uses it.
    #[error("the {kind} `{name}` is in use by {by}: stop it first")]
    InUse {
        /// What it is.
        kind: StockKind,
        /// Its name.
        name: String,
        /// By whom.
        by: String,
    },
    /// A plan whose networks or volumes are of no project.
    #[error("the plan has networks or volumes but no service, so they are of no project: name the service")]
    NoService,
    /// A project and a key that are no name together.
    #[error("`{0}` is no name of a network or volume: choose a shorter key")]
    Name(String),
    /// A network that would reach further than this backend lets one.
    #[error(
        "the network `{0}` is not internal, and networks of the embedded backend have no way out: make it internal, or use podman or docker"
    )]
    NotInternal(String),
    /// A subnet that cannot be had.
    #[error("the network `{name}` cannot have the subnet {subnet}: {why}")]
    Subnet {
        /// The network.
        name: String,
        /// What was asked for.
        subnet: String,
        /// Why not.
        why: &'static str,
    },
    /// No subnet is left to choose.
    #[error("all subnets of 10.89.0.0/16 are taken: remove a network, or name a subnet")]
    NoSubnet,
    /// An address that cannot be had.
    #[error("the address {address} of the network `{name}` cannot be given: {why}")]
    Address {
        /// The network.
        name: String,
        /// What was asked for.
        address: String,
        /// Why not.
        why: &'static str,
    },
    /// No address is left.
    #[error("all addresses of the network `{0}` are taken: stop a sandbox, or use a larger subnet")]
    NoAddress(String),
    /// A name in a network that is somebody else's everywhere.
    #[error("`{0}` cannot be a name in a network, as it is every sandbox's name for itself: choose another")]
    Alias(String),
    /// A sandbox whose network another is to share.
    #[error(
        "no sandbox of {0} runs in a network of its project, and its network is to be shared: start it first"
    )]
    NoNeighbour(String),
    /// The sandbox whose network another is to share runs under another policy.
    #[error(
        "the sandbox of {0}, whose network is to be shared, was started under another policy, which may let it reach more: bring `{0}` up under this one first"
    )]
    OtherPolicy(String),
    /// Something of its own beside the network of another.
    #[error(
        "the plan shares the network of `{0}` and has another network, a name, egress, a port, known hosts or settings of the network besides, which would be `{0}`'s as well: let `{0}` have them"
    )]
    Beside(String),
    /// A Linux cap by which a sandbox could speak for others.
    #[error(
        "the plan gives NET_ADMIN or NET_RAW and networks of a project: with both it could answer for others; take the Linux cap away"
    )]
    LinuxCap,
    /// Links of the kernel could not be made.
    #[error("cannot make the network `{name}`: {why}")]
    Kernel {
        /// The network.
        name: String,
        /// What the kernel said.
        why: String,
    },
    /// Nobody keeps it any more.
    #[error(
        "the process that kept the network `{0}` has been ended, and the network with it: remove the network (`perry-compose down`) and make it again"
    )]
    NoKeeper(String),
    /// Who runs this sandbox cannot connect it.
    #[error(
        "an ordinary user's sandbox in the network `{0}` needs a supervisor of its own: start it detached, as `perry-compose` does, or run as root"
    )]
    Attached(String),
}

impl ProjectError {
    /// For [`Result::map_err`].
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Io { doing, path, why: error.to_string() }
    }
}
