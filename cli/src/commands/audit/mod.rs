//! `audit`.

mod command;
mod explain;
mod fixes;
mod inputs;

pub(crate) use command::audit;
