//! What the registry holds, and what it was asked.

use std::collections::BTreeMap;

use perry_sandbox_reference::Digest;

use super::options::Options;

/// One request that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The method.
    pub method: String,
    /// The path, decoded, without the query.
    pub path: String,
    /// The `Authorization` header.
    pub authorization: Option<String>,
}

/// One repository.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    /// Manifests with their media types.
    pub(crate) manifests: BTreeMap<Digest, (String, Vec<u8>)>,
    pub(crate) tags: BTreeMap<String, Digest>,
    pub(crate) uploads: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) options: Options,
    pub(crate) shelves: BTreeMap<String, Shelf>,
    pub(crate) log: Vec<Asked>,
    /// How often each tag was asked for.
    pub(crate) tag_requests: BTreeMap<String, usize>,
    pub(crate) uploads: usize,
    pub(crate) address: String,
}
