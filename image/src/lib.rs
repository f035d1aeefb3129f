//! Bounded reading of images from layouts, archives and registries; the content store; unpacking.
//!
//! Nothing here decides who may run. It answers one question: which bytes, by digest, does a name stand for
//! at this moment, and puts exactly those bytes on disk. Every byte is hashed while it is read, every size
//! and count has a limit that is applied before parsing, and no path is built from anything that a stranger
//! wrote: unpacking works below a directory handle that nothing can leave.
//!
//! A [`Source`] is where content comes from: a [`Layout`], an [`Archive`], a
//! [`Registry`], the [`Store`], or [`Memory`]. [`resolve`] turns a name
//! into a [`ResolvedImage`], by digests all the way.
//!
//! ```
//! use perry_sandbox_image::ImageName;
//!
//! let name: ImageName = "oci:examples/tools:v1".parse()?;
//! assert_eq!(name.to_string(), "oci:examples/tools:v1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod archive;
mod config;
mod descriptor;
mod files;
#[doc(hidden)]
pub mod fuzzing;
pub mod json;
mod layout;
pub mod limits;
mod manifest;
mod memory;
mod name;
mod progress;
mod recall;
mod registry;
mod remedy;
mod resolve;
mod source;
mod stamp;
mod store;
mod unpack;

pub use archive::Archive;
pub use config::{ConfigError, ImageConfig};
pub use descriptor::{Descriptor, DescriptorError, media_type};
pub use layout::{COSIGN_KIND, Layout, REF_NAME};
pub use manifest::{ImageManifest, Index, Manifest, ManifestError, RawManifest, is_manifest_type};
pub use memory::Memory;
pub use name::{ImageName, ImageNameError, Wanted};
pub use perry_sandbox_reference as reference;
pub use progress::{Progress, Silent};
pub use registry::{
    Access, CredentialError, CredentialFile, Credentials, Insecure, Mirror, Registry, Roots, Secret,
};
pub use remedy::io_remedy;
pub use resolve::{ResolveError, ResolvedImage, digest_of_name, resolve};
pub use source::{ReadError, Source, Verified, read_blob};
pub use stamp::FileStamp;
pub use store::{
    Attachment, CheckReport, Pruned, Pulled, Rootfs, Store, StoreError, Stored, StoredImage, chain_digest,
};
pub use unpack::{EntryFault, MOUNT_POINTS, UnpackError};
