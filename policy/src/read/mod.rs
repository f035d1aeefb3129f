//! The reader: bytes to one file's entries, each with its place, or everything that is wrong at once.

mod deny;
mod document;
mod entries;
mod grants;
mod json;
mod quorum;
mod reader;
pub(crate) mod shape;
mod signer;
mod tier;
mod toml;
pub(crate) mod tree;
mod trust;

pub(crate) use document::{Document, ProfileDoc, RootDoc, SignerBy, SignerDoc, document_of, read};
pub(crate) use tier::TierDoc;
