//! The content store: blobs by digest, unpacked root file systems by chain, and a record for each image.

mod attachments;
mod blobs;
mod check;
mod error;
mod export;
mod open;
mod pull;
mod record;
mod rootfs;
mod session;
mod stored;

pub use check::{CheckReport, Pruned};
pub use error::StoreError;
pub use open::Store;
pub use pull::Pulled;
pub use record::{Attachment, StoredImage};
pub use rootfs::{Rootfs, chain_digest};
pub use stored::Stored;
