//! What sandboxes of one compose project share on the embedded backend: named volumes, and networks between them.
//!
//! Both are made, looked at and removed by [`OwnStock`], with the words and types that the engines' stock has. A volume is a
//! folder of the data folder. A network is a network namespace that holds one bridge and nothing else: no link to the host,
//! no route, no address. Root's are kept by a file; an ordinary user's by a process in a user namespace, which whoever
//! supervises one of its sandboxes enters.

mod error;
mod hosts;
mod keeper;
mod label;
mod links;
mod locked;
mod members;
mod netlink;
mod networks;
mod of_plan;
mod own;
mod subnet;
mod volumes;
mod yard;

pub use error::ProjectError;
pub(crate) use keeper::{enter, keep};
pub(crate) use links::{Link, connect};
pub(crate) use members::{Neighbour, Resident, join, neighbour};
pub(crate) use of_plan::{networks_of, shared_by, speaks_for_others, volumes_of};
pub use own::OwnStock;
pub(crate) use volumes::hold;
