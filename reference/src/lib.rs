//! Image references, digests and platforms as types: the words in which every other crate names an image.
//!
//! A [`Digest`] can be had only by checking text against the grammar or by hashing bytes, so no crate ever
//! builds a path, a URL or an argument from an unchecked string (CVE-2024-3727). A [`Reference`] follows the
//! grammar of the OCI distribution spec 1.1 and never drops a registry's port. Nothing here does I/O.
//!
//! ```
//! use perry_sandbox_reference::{Digest, Reference};
//!
//! let reference: Reference = "localhost:5000/acme/tools:v1".parse()?;
//! assert_eq!(reference.repository().registry(), "localhost:5000");
//! assert_eq!(Digest::of(b"").to_string().len(), "sha256:".len() + 64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod digest;
mod name;
mod platform;

pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use name::{Reference, ReferenceError, Repository, Tag};
pub use platform::{Platform, PlatformError};
