//! Command lines of docker, podman and nerdctl.

mod field;
mod options;
mod read;
mod words;

pub(crate) use read::read_argv;
pub(crate) use words::Words;
