//! Why the store could not do something.

use std::io;
use std::path::PathBuf;

use perry_sandbox_reference::Digest;
use thiserror::Error;

use crate::resolve::ResolveError;
use crate::source::ReadError;
use crate::unpack::UnpackError;

/// Why the store could not do something. What it had before is still there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file of the store could not be read or written.
    #[error("cannot use the store at {path}: {what}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// The system's error.
        source: io::Error,
    },
    /// The folder is not the caller's own.
    #[error("the store at {path} {found}: {remedy}")]
    NotOwn {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        found: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Another process holds the store.
    #[error("the store at {path} is in use by another pull or unpacking: try again when it has ended")]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// Content could not be fetched, or is not what it should be.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A manifest or config is refused.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// A layer is refused.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// A record cannot be read.
    #[error("the store's record {path} cannot be used: {reason}; remove it and pull the image again")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A record is another version's.
    #[error(
        "the store's record {path} was written by another version of this program: use that one, or remove the record and pull the image again"
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
    },
    /// What takes an image as an archive does not.
    #[error("cannot hand {name} out as an archive: {source}")]
    Export {
        /// The image, or a layer of it.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The content is not in the store.
    #[error("{digest} is not in the store: pull the image first")]
    Missing {
        /// What is missing.
        digest: Digest,
    },
}
