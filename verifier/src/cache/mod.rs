//! Answers that were proved before. An answer is found again only for the same image, the same requirement, the same
//! trust roots, the same reference rule and the same verifier, and only until time itself would change it.
//!
//! A hit skips the search for signatures and every check of one. It never skips the way from a name to a digest, and
//! never takes content by its name: in memory the very proof is handed out again; from disk the manifests of the asked
//! image are hashed against the digests that the record names.

mod disk;
mod flight;
mod limits;
mod memory;
mod record;
mod validity;
mod verifier;

pub use disk::CacheError;
pub use limits::{CacheCounts, CacheLimits};
pub use verifier::Verifier;
