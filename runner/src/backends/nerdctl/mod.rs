//! containerd by its command line: on this host, and in the machines of others.

mod engine;
mod words;

pub(super) use engine::{Nerdctl, Way};
