//! podman: a hardened `podman run`, of an image that we have given it, on flags of ours only.
//!
//! podman's own configuration (`containers.conf`) may add folders, devices, hooks and variables to every container, whatever
//! its arguments say. So it runs with a configuration of ours in its place; only its store is the user's.

mod configuration;
mod engine;
mod info;
mod namespaces;
mod words;

pub(super) use engine::Podman;
pub(super) use info::understands;
pub(super) use namespaces::share;
