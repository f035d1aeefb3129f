//! From layers to a root file system: streaming, in parallel by layer, and below a directory handle that
//! nothing in an archive can leave.

mod error;
mod finish;
mod layer;
mod merge;
mod path;
mod records;
mod stream;
pub(crate) mod tar;
pub(crate) mod tree;
mod work;
mod zstd;

pub use error::{EntryFault, UnpackError};
pub use finish::MOUNT_POINTS;
pub(crate) use path::{EntryPath, shown};
pub(crate) use stream::{Budget, LayerStream, check_media_type, layer_error};
pub(crate) use work::{Job, unpack};
pub(crate) use zstd::Frames;
