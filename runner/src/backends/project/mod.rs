//! What a sandbox has of its project, by engines that hold it: networks that nothing leads out of, and volumes in which
//! nothing is executed.

mod links;
mod names;
mod words;

pub(super) use names::{HOSTS, Names, OWN_HOSTS};
pub(super) use words::{STRAY, VIEW, docker, docker_folders, docker_volumes, engine_names, links, podman};
