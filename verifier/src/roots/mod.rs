//! The public Sigstore instance's trust root: refreshed through TUF, kept for as long as a policy allows, and used
//! without the network until then. Roots from files come with the requirement and need nothing from here.

mod public;
#[cfg(feature = "tuf")]
mod tuf;

pub(crate) use public::{AtHand, Material};
pub use public::{PublicRoot, PublicRootStatus, RootError};
#[cfg(feature = "tuf")]
pub use tuf::RootMirror;
#[cfg(feature = "tuf")]
pub(crate) use tuf::understands;
