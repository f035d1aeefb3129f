//! A registry as a source, by the OCI distribution spec 1.1: pull only, bounded, and careful with secrets.

mod access;
mod addresses;
mod auth;
mod challenge;
mod client;
mod credentials;
mod mirror;
mod place;
mod referrers;
mod source;

pub(crate) use auth::grants;
pub(crate) use challenge::understands;
pub(crate) use referrers::leads_on;

pub use access::{Access, Insecure, Roots};
pub use credentials::{CredentialError, CredentialFile, Credentials, Secret};
pub use mirror::Mirror;
pub use source::Registry;
