//! `audit`.

mod command;
mod explain;
mod fixes;
mod host;
mod inputs;
mod show;

pub(crate) use command::audit;
