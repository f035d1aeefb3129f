//! Why a layer is not unpacked.

use std::io;

use perry_sandbox_reference::Digest;
use thiserror::Error;

use crate::source::ReadError;

/// Why an image could not be unpacked. Nothing of it is left on disk then.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The layer's blob could not be read, or is not what its digest names.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An entry of a layer is refused.
    #[error("layer {layer}: the entry {entry} is refused: {fault}")]
    Entry {
        /// The layer's blob.
        layer: Digest,
        /// The entry's name, quoted and shortened.
        entry: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// The layer is not a tar archive.
    #[error("layer {layer} is not a tar archive that is read: {reason}")]
    Archive {
        /// The layer's blob.
        layer: Digest,
        /// What is wrong.
        reason: String,
    },
    /// A limit was reached.
    #[error("layer {layer} has more than {limit} {what}: refused")]
    Limit {
        /// The layer's blob.
        layer: Digest,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// The layer's content is not what the config names.
    #[error("layer {layer} unpacks to {found}, but the image config says {expected}")]
    DiffId {
        /// The layer's blob.
        layer: Digest,
        /// The digest in the config.
        expected: Digest,
        /// The digest of the content.
        found: Digest,
    },
    /// The layer's media type is not one that is unpacked.
    #[error("layer {layer} is a `{media_type}`: only tar, tar+gzip and tar+zstd layers are unpacked")]
    MediaType {
        /// The layer's blob.
        layer: Digest,
        /// Its media type.
        media_type: String,
    },
    /// A place where the sandbox mounts something is not a directory.
    #[error("the image has {found} at /{name}, where the sandbox needs a directory: refused")]
    MountPoint {
        /// The name below the root.
        name: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Writing failed.
    #[error("cannot unpack {what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// Another layer failed first.
    #[error("stopped, because another layer is refused")]
    Stopped,
}

/// What is wrong with one entry of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// `..` in the name.
    #[error("its name has a `..`")]
    Parent,
    /// The name starts at the root.
    #[error("its name is absolute")]
    Absolute,
    /// A zero byte in a name.
    #[error("its name or target has a zero byte")]
    Nul,
    /// A name or target too long.
    #[error("its name or target is too long or empty")]
    Length,
    /// Too many components.
    #[error("its name has too many components")]
    Depth,
    /// A block or character device.
    #[error("it is a device node")]
    Device,
    /// A named pipe.
    #[error("it is a named pipe")]
    Pipe,
    /// Another kind of entry.
    #[error("it is of a kind that images do not have")]
    Kind,
    /// A whiteout that names nothing, or is not a plain file.
    #[error("it is a whiteout that names nothing below its own directory, or not a plain file")]
    Whiteout,
    /// A symbolic link stands where a directory must be.
    #[error("its parent is a symbolic link, which is never followed")]
    SymlinkParent,
    /// Something else stands where a directory must be.
    #[error("its parent is not a directory")]
    ParentKind,
    /// A directory becomes something else, or the other way round, inside one layer.
    #[error("the same layer has another entry of this name that is a directory where this one is not")]
    Clash,
    /// A hard link to nothing, or to a directory.
    #[error("its hard link names no file of the image")]
    Link,
    /// A user or group number that Linux does not have.
    #[error("its owner is out of range")]
    Owner,
}
