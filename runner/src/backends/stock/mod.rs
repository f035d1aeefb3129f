//! What of ours is in an engine beside sandboxes: verified images, networks and volumes.
//!
//! Each thing that is asked is a question, which a pure function of each engine turns into one call or
//! one exchange. Answers become our types by one reader for each form. Nothing that does not carry our label, or the name
//! that we gave an image, is ever shown or removed.

mod apple;
mod docker;
mod error;
mod forms;
mod nerdctl;
mod new;
mod podman;
pub(super) mod question;
pub(super) mod read;
pub(super) mod required;
mod shelf;
mod words;

pub use crate::project::{OwnStock, ProjectError};
pub use error::StockError;
pub use new::{Addresses, NewNetwork, NewVolume, Subnet};
pub(super) use read::understands;
pub use read::{EngineImage, ListedImage, Network, Volume};
pub use shelf::Stock;
pub(crate) use words::PROJECT;
pub use words::{Labels, Project, StockKind, StockName, WordError};
